//! Waits for whoever asks a command that runs on to stop: Ctrl-C, and where there are signals SIGTERM.

use std::io;

/// Ready when this process is asked to stop. From the first wait on a signal does nothing else any more.
///
/// # Errors
/// When the system does not tell of signals.
pub(super) async fn asked() -> io::Result<()> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminate = signal(SignalKind::terminate())?;
        tokio::select! {
            pressed = tokio::signal::ctrl_c() => pressed,
            _signal = terminate.recv() => Ok(()),
        }
    }
    #[cfg(not(unix))]
    tokio::signal::ctrl_c().await
}
