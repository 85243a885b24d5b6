use std::{
    io::IsTerminal,
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use twig_pipeline::{JobFolder, Observer, Stop};

use crate::{
    arguments::RunArguments,
    exit,
    memory::GivesBack,
    render::{self, LineObserver, ProgressObserver},
};

pub(crate) fn run(arguments: &RunArguments) -> anyhow::Result<ExitCode> {
    let settings = super::settings_with(&arguments.job, arguments.replay.then_some("run.replay=true"))?;
    let observer: Arc<dyn Observer> = if std::io::stderr().is_terminal() {
        Arc::new(ProgressObserver::default())
    } else {
        Arc::new(LineObserver)
    };
    let observer = GivesBack(observer);
    let stop = Stop::default();
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build();
    let is_over = Arc::new(AtomicBool::new(false));
    // Signals are heard while this thread computes too.
    let listening = runtime()?;
    std::thread::spawn({
        let (stop, is_over) = (stop.clone(), Arc::clone(&is_over));
        move || listening.block_on(listen(stop, &is_over))
    });
    // The run and its connections share one thread: waking another for every answer costs more than tending it. What
    // computes for long while questions are under way, or waits for a disk, does so elsewhere.
    let runtime = runtime()?;
    let limit = arguments.job.limit.map(|limit| limit as usize);
    let summary = runtime.block_on(twig_pipeline::run(&settings, limit, stop, &observer));
    is_over.store(true, Ordering::Relaxed);
    // Questions that the deadline has cut off may still hold threads; nothing of theirs is wanted.
    runtime.shutdown_background();
    render::summary(&settings, &summary?);
    if let Some(mirror) = &settings.file.run.mirror {
        let release = JobFolder::new(&settings.file.output).release();
        super::push::push_to(&release, &format!("{}/release", mirror.trim_end_matches('/')), true)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The first Ctrl-C (or SIGTERM) asks the run to stop, the second ends the process, as does one after the run is over.
/// Either way nothing that was answered is lost.
async fn listen(stop: Stop, is_over: &AtomicBool) {
    interrupted().await;
    if !is_over.load(Ordering::Relaxed) {
        stop.request();
        render::note("stopping: what is under way is finished and kept; once more stops at once");
        interrupted().await;
    }
    std::process::exit(i32::from(exit::TRY_AGAIN));
}

/// Until Ctrl-C or SIGTERM.
#[cfg(unix)]
pub(super) async fn interrupted() {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut interrupt), Ok(mut terminate)) =
        (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}

/// Until Ctrl-C.
#[cfg(not(unix))]
pub(super) async fn interrupted() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending().await
    }
}
