//! One thread with one runtime of its own.
//!
//! A session never leaves its thread, so that a packet is answered without waking another (14 to 27 us). Busy
//! polling spends a core on never sleeping at all: a packet is then seen within a microsecond or two instead of
//! after the kernel has woken the thread.

use std::future::Future;
use std::io;
use std::sync::mpsc::sync_channel;
use std::thread::{Builder as ThreadBuilder, JoinHandle};

use tokio::runtime::{Builder, LocalOptions};
use tokio::task::{spawn_local, yield_now};

use super::unpoisoned::unpoisoned;

/// Starts a thread that runs what `main` makes until it ends. What panics there poisons no lock. `main` is called on the thread, inside its runtime.
///
/// # Errors
/// When the thread or its runtime cannot be had, or `main` fails.
pub(super) fn start<F>(
    name: &str,
    busy_poll: bool,
    main: impl FnOnce() -> io::Result<F> + Send + 'static,
) -> io::Result<JoinHandle<()>>
where
    F: Future<Output = ()>,
{
    let (started, has_started) = sync_channel(1);
    let thread = ThreadBuilder::new().name(name.to_owned()).spawn(move || {
        let runtime = match Builder::new_current_thread()
            .enable_all()
            .build_local(LocalOptions::default())
        {
            Ok(runtime) => runtime,
            Err(error) => return drop(started.send(Err(error))),
        };
        let run = async move {
            let serving = match main() {
                Ok(serving) => serving,
                Err(error) => return drop(started.send(Err(error))),
            };
            drop(started.send(Ok(())));
            if busy_poll {
                spawn_local(never_sleep());
            }
            serving.await;
        };
        // With the runtime in it, which drops the tasks that are left.
        unpoisoned(move || runtime.block_on(run));
    })?;
    has_started
        .recv()
        .unwrap_or_else(|_| Err(io::Error::other("the thread ended before it had started")))?;
    Ok(thread)
}

/// Always has something to do, so that the runtime asks the kernel for packets instead of waiting for them.
async fn never_sleep() {
    loop {
        yield_now().await;
    }
}
