//! What is left on a disk when the power goes: rebuilt from the operations that a run has made.

use std::{collections::BTreeMap, fs, path::Path};

use super::disk::Operation;

/// A disk as programs see it, and as it is after a power cut.
#[derive(Debug)]
pub(crate) struct Disk {
    /// The folder at the top is the first; nothing is ever taken out.
    nodes: Vec<Node>,
}

#[derive(Debug)]
enum Node {
    File { seen: Vec<u8>, flushed: Vec<u8> },
    Folder { seen: Names, flushed: Names },
}

type Names = BTreeMap<String, usize>;

/// Files by their paths, folders as `None`.
pub(crate) type Tree = BTreeMap<String, Option<Vec<u8>>>;

/// What a disk makes of what was not flushed. Systems differ in it; a program must live with each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Loss {
    /// Names whose folder was not flushed, and bytes that were not: all gone.
    Everything,
    /// Every name is there, bytes are not: files are empty or as they were flushed last.
    Bytes,
    /// Every name is there, and half of the bytes that were added.
    HalfOfTheBytes,
}

impl Loss {
    pub(crate) const ALL: [Self; 3] = [Self::Everything, Self::Bytes, Self::HalfOfTheBytes];
}

impl Disk {
    pub(crate) fn new() -> Self {
        Self { nodes: vec![Node::folder()] }
    }

    /// Does what the program did.
    pub(crate) fn apply(&mut self, operation: &Operation) {
        let Operation { kind, path, to, data, offset } = operation;
        match kind {
            'M' => self.create(path, Node::folder()),
            'C' => match self.find(path) {
                None => self.create(path, Node::File { seen: Vec::new(), flushed: Vec::new() }),
                Some(node) if *offset == 1 => self.bytes(node).clear(),
                Some(_) => {}
            },
            'W' => {
                let Some(node) = self.find(path) else { return };
                let (bytes, start) = (self.bytes(node), *offset as usize);
                bytes.resize(bytes.len().max(start + data.len()), 0);
                bytes[start..start + data.len()].copy_from_slice(data);
            }
            'T' => {
                let Some(node) = self.find(path) else { return };
                self.bytes(node).resize(*offset as usize, 0);
            }
            'S' => {
                let Some(node) = self.find(path) else { return };
                match &mut self.nodes[node] {
                    Node::File { seen, flushed } => flushed.clone_from(seen),
                    Node::Folder { seen, flushed } => flushed.clone_from(seen),
                }
            }
            'R' => {
                let node = self.find(path).unwrap_or_else(|| panic!("{path} is not known"));
                self.remove(path);
                let (folder, name) = self.folder_of(to);
                self.names(folder).insert(name, node);
            }
            'U' | 'D' => self.remove(path),
            'Q' | 'K' => {}
            other => panic!("there is no operation {other}"),
        }
    }

    /// What programs see.
    pub(crate) fn seen(&self) -> Tree {
        self.tree(|node| match node {
            Node::File { seen, .. } => Ok(seen.clone()),
            Node::Folder { seen, .. } => Err(seen),
        })
    }

    /// What is left after a power cut.
    pub(crate) fn after_a_cut(&self, loss: Loss) -> Tree {
        self.tree(|node| match node {
            Node::File { seen, flushed } if loss == Loss::HalfOfTheBytes && seen.starts_with(flushed) => {
                Ok(seen[..flushed.len().midpoint(seen.len())].to_vec())
            }
            Node::File { flushed, .. } => Ok(flushed.clone()),
            Node::Folder { flushed, .. } if loss == Loss::Everything => Err(flushed),
            Node::Folder { seen, .. } => Err(seen),
        })
    }

    fn tree(&self, look: impl Fn(&Node) -> Result<Vec<u8>, &Names>) -> Tree {
        let (mut tree, mut open) = (Tree::new(), vec![(String::new(), 0)]);
        while let Some((path, node)) = open.pop() {
            match look(&self.nodes[node]) {
                Ok(bytes) => {
                    tree.insert(path, Some(bytes));
                }
                Err(names) => {
                    let below =
                        |name: &String| if path.is_empty() { name.clone() } else { format!("{path}/{name}") };
                    open.extend(names.iter().map(|(name, node)| (below(name), *node)));
                    if !path.is_empty() {
                        tree.insert(path, None);
                    }
                }
            }
        }
        tree
    }

    fn find(&self, path: &str) -> Option<usize> {
        path.split('/').filter(|name| !name.is_empty()).try_fold(0, |node, name| match &self.nodes[node] {
            Node::Folder { seen, .. } => seen.get(name).copied(),
            Node::File { .. } => None,
        })
    }

    fn folder_of(&self, path: &str) -> (usize, String) {
        match path.rsplit_once('/') {
            None => (0, path.to_owned()),
            Some((folder, name)) => {
                (self.find(folder).unwrap_or_else(|| panic!("{folder} is not known")), name.to_owned())
            }
        }
    }

    fn create(&mut self, path: &str, node: Node) {
        let (folder, name) = self.folder_of(path);
        self.nodes.push(node);
        let node = self.nodes.len() - 1;
        self.names(folder).insert(name, node);
    }

    fn remove(&mut self, path: &str) {
        let (folder, name) = self.folder_of(path);
        self.names(folder).remove(&name);
    }

    fn names(&mut self, folder: usize) -> &mut Names {
        match &mut self.nodes[folder] {
            Node::Folder { seen, .. } => seen,
            Node::File { .. } => panic!("a file is no folder"),
        }
    }

    fn bytes(&mut self, file: usize) -> &mut Vec<u8> {
        match &mut self.nodes[file] {
            Node::File { seen, .. } => seen,
            Node::Folder { .. } => panic!("a folder has no bytes"),
        }
    }
}

impl Node {
    fn folder() -> Self {
        Self::Folder { seen: Names::new(), flushed: Names::new() }
    }
}

/// Everything below a folder.
pub(crate) fn read(folder: &Path) -> Tree {
    let (mut tree, mut open) = (Tree::new(), vec![folder.to_owned()]);
    while let Some(next) = open.pop() {
        for entry in fs::read_dir(&next).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(folder).unwrap().to_string_lossy().into_owned();
            let is_folder = path.is_dir();
            tree.insert(name, if is_folder { None } else { Some(fs::read(&path).unwrap()) });
            if is_folder {
                open.push(path);
            }
        }
    }
    tree
}

/// Puts everything into a folder that is there.
pub(crate) fn write(folder: &Path, tree: &Tree) {
    for (name, bytes) in tree {
        let path = folder.join(name);
        match bytes {
            None => fs::create_dir(path).unwrap(),
            Some(bytes) => fs::write(path, bytes).unwrap(),
        }
    }
}

#[test]
fn what_was_not_flushed_is_lost() {
    let operation = |kind, path: &str, to: &str, data: &str, offset| Operation {
        kind,
        path: path.to_owned(),
        to: to.to_owned(),
        data: data.into(),
        offset,
    };
    let mut disk = Disk::new();
    for done in [
        operation('M', "a", "", "", 0),
        operation('C', "a/x", "", "", 0),
        operation('W', "a/x", "", "safe", 0),
        operation('S', "a/x", "", "", 0),
        operation('W', "a/x", "", "more", 4),
        operation('R', "a/x", "a/y", "", 0),
    ] {
        disk.apply(&done);
    }
    let text = |tree: &Tree, name: &str| tree[name].clone().map(|bytes| String::from_utf8(bytes).unwrap());
    assert_eq!(text(&disk.seen(), "a/y").as_deref(), Some("safemore"));
    assert!(disk.after_a_cut(Loss::Everything).is_empty(), "the folder above was never flushed by its name");
    assert_eq!(text(&disk.after_a_cut(Loss::Bytes), "a/y").as_deref(), Some("safe"));
    assert_eq!(text(&disk.after_a_cut(Loss::HalfOfTheBytes), "a/y").as_deref(), Some("safemo"));
    for folder in ["a", ""] {
        disk.apply(&operation('S', folder, "", "", 0));
    }
    assert_eq!(text(&disk.after_a_cut(Loss::Everything), "a/y").as_deref(), Some("safe"));
}
