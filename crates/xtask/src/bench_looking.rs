//! `cargo xtask bench --looking`: how long it takes to look at 50,000 trajectories, and at a million.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};

use crate::{
    bench::machine,
    chore::{self, build_example, build_twig, built},
    memory::{high_water_mark, measured},
};

const ROUNDS: usize = 3;
const PATIENCE: Duration = Duration::from_mins(1);

/// Writes both releases and prints the figures as Markdown.
pub(crate) fn bench() -> Result<()> {
    let (twig, writer) = (build_twig()?, build_example("bench-looking")?);
    let folder = built()?.join("bench-looking");
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let many = release(&writer, &folder, "50000", "384")?;
    let million = release(&writer, &folder, "1000000", "64")?;
    println!("Machine: {}. Best of {ROUNDS} rounds.\n", machine());
    println!("| what | seconds | peak memory |\n|---|---:|---:|");
    help(&twig)?;
    let report = folder.join("report.html");
    let report_name = report.to_string_lossy();
    for arguments in [&["inspect"][..], &["report", "--output", &*report_name]] {
        command(&twig, arguments, &many)?;
    }
    for (rows, release) in [("50,000", &many), ("1,000,000", &million)] {
        view(&twig, rows, release)?;
    }
    println!("\nThe report has {:.1} MB.", fs::metadata(&report)?.len() as f64 / 1e6);
    Ok(())
}

fn help(twig: &Path) -> Result<()> {
    let mut seconds = f64::INFINITY;
    for _ in 0..10 * ROUNDS {
        let start = Instant::now();
        let output = Command::new(twig).arg("--help").output()?;
        ensure!(output.status.success(), "`twig --help` failed");
        seconds = seconds.min(start.elapsed().as_secs_f64());
    }
    println!("| `twig --help` | {seconds:.3} | |");
    Ok(())
}

/// A release in the build folder, kept for the next time.
fn release(writer: &Path, folder: &Path, rows: &str, side: &str) -> Result<PathBuf> {
    let release = folder.join(rows);
    if !release.join("manifest.json").exists() {
        let mut write = Command::new(writer);
        write.arg(&release).args([rows, side]);
        chore::run(&format!("release of {rows}"), write)?;
    }
    Ok(release)
}

fn command(twig: &Path, arguments: &[&str], release: &Path) -> Result<()> {
    let (mut seconds, mut peak) = (f64::INFINITY, 0);
    for _ in 0..ROUNDS {
        let mut command = Command::new(twig);
        command
            .arg(arguments[0])
            .arg(release)
            .args(&arguments[1..])
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let measured = measured(&mut command)?;
        ensure!(measured.status.success(), "`twig {}` failed ({})", arguments[0], measured.status);
        seconds = seconds.min(measured.wall.as_secs_f64());
        peak = peak.max(measured.peak_bytes.unwrap_or(0));
    }
    println!("| `twig {}`, 50,000 rows | {seconds:.2} | {} MiB |", arguments[0], peak >> 20);
    Ok(())
}

/// From the start of the program to its first page, then that page again.
fn view(twig: &Path, rows: &str, release: &Path) -> Result<()> {
    let (mut first, mut again, mut peak) = (f64::INFINITY, f64::INFINITY, 0);
    for _ in 0..ROUNDS {
        let start = Instant::now();
        let viewer = Viewer::start(twig, release)?;
        viewer.page()?;
        first = first.min(start.elapsed().as_secs_f64());
        let start = Instant::now();
        viewer.page()?;
        again = again.min(start.elapsed().as_secs_f64());
        peak = peak.max(high_water_mark(viewer.process.id()).unwrap_or(0));
    }
    println!(
        "| `twig view`, {rows} rows: from the start to the first page | {first:.2} | {} MiB |",
        peak >> 20
    );
    println!("| the page again | {again:.3} | |");
    Ok(())
}

/// A running viewer; it is ended when it is dropped.
struct Viewer {
    process: Child,
    host: String,
    path: String,
}

impl Viewer {
    fn start(twig: &Path, release: &Path) -> Result<Self> {
        let mut command = Command::new(twig);
        let mut process =
            command.arg("view").arg(release).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        let mut address = String::new();
        let output = process.stdout.take().context("the viewer has no output")?;
        BufReader::new(output).read_line(&mut address)?;
        let mut viewer = Self { process, host: String::new(), path: String::new() };
        let rest = address.trim().strip_prefix("http://").context("the viewer printed no address")?;
        let (host, path) = rest.split_once('/').context("the viewer printed no path")?;
        (viewer.host, viewer.path) = (host.to_owned(), format!("/{path}a/"));
        Ok(viewer)
    }

    fn page(&self) -> Result<()> {
        let mut stream = TcpStream::connect(&self.host)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        write!(stream, "GET {} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", self.path, self.host)?;
        let mut page = String::new();
        stream.read_to_string(&mut page)?;
        ensure!(
            page.starts_with("HTTP/1.1 200") && page.contains("class=\"tile"),
            "the viewer's first page is none"
        );
        Ok(())
    }
}

impl Drop for Viewer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
