//! A state folder, to a keeper that has read it and goes on keeping.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::thread::available_parallelism;

use thiserror::Error;

use super::calendar::Calendar;
use super::housekeeping::Housekeeping;
use super::recovery::{Recovered, RecoveryError, recover};
use super::{DECISIONS_SKIPPED, Keeper, given};
use crate::engine::Engine;
use crate::journal::storage::{Directory, Storage};
use crate::journal::{self, Embedded, Journal, OpenError, Settings, Vault};
use crate::model::Timestamp;
use crate::serve::clock::Clock;

/// Threads that read people back at most.
const THREADS_MAX: usize = 8;

/// Where state is kept, and how.
#[derive(Clone)]
pub struct State {
    /// Where.
    pub storage: Arc<dyn Storage>,
    /// How. The people are as many as the pack allows customers, whatever is said here.
    pub settings: Settings,
    /// Threads that read people back; `None`: as many as the machine has, at most eight.
    pub threads: Option<usize>,
}

impl State {
    /// A folder, which is made if need be.
    ///
    /// # Errors
    /// When the system says no.
    pub fn folder(path: &Path) -> io::Result<Self> {
        Ok(Self::in_storage(Arc::new(Directory::create(path)?)))
    }

    /// Any storage.
    #[must_use]
    pub fn in_storage(storage: Arc<dyn Storage>) -> Self {
        Self {
            storage,
            settings: Settings::default(),
            threads: None,
        }
    }
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("State")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

/// The most memory that keeping the state of so many customers takes: the journal's queues and keys, and the decisions
/// that wait to be written down.
#[must_use]
pub fn state_bytes_max(customers_max: u32) -> u64 {
    let settings = Settings {
        people_max: customers_max,
        ..Settings::default()
    };
    settings.memory_max() + given::bytes_max()
}

/// State cannot be used.
#[derive(Debug, Error)]
pub enum OpenStateError {
    /// The journal cannot be opened.
    #[error("the state folder cannot be used: {0}")]
    Open(#[from] OpenError),
    /// It cannot be read back.
    #[error("the state cannot be read back: {0}")]
    Recovery(#[from] RecoveryError),
    /// The system gives no thread.
    #[error("the journal has no thread: {0}")]
    Thread(#[from] io::Error),
}

/// An engine with what keeps its state, which is not read yet.
pub(in crate::serve) struct Opened {
    pub(in crate::serve) engine: Arc<Engine>,
    pub(in crate::serve) keeper: Arc<Keeper>,
    pub(in crate::serve) clock: Clock,
    /// What is to be read; `None`: nothing is kept.
    kept: Option<ToRead>,
}

struct ToRead {
    journal: Arc<Embedded>,
    vault: Arc<Vault>,
    threads: usize,
    /// The date when the journal's clock was at zero, in seconds since 1970-01-01 UTC.
    epoch_unix_s: u64,
}

impl Opened {
    /// Nothing is kept.
    pub(in crate::serve) fn volatile(engine: Arc<Engine>, clock: Clock) -> Self {
        Self {
            keeper: Arc::new(Keeper::volatile(Arc::clone(&engine))),
            engine,
            clock,
            kept: None,
        }
    }

    /// Signals go to a journal that keeps them unsealed and is never read: for simulations.
    pub(in crate::serve) fn unsealed(engine: Arc<Engine>, clock: Clock, journal: Arc<dyn Journal>) -> Self {
        Self {
            keeper: Arc::new(Keeper::new(Arc::clone(&engine), journal, None)),
            engine,
            clock,
            kept: None,
        }
    }

    /// Opens state for an engine that knows nobody. The clock goes on where the last record was taken, or where the wall
    /// clock says.
    pub(in crate::serve) fn open(engine: Arc<Engine>, state: &State, clock: Clock) -> Result<Self, OpenStateError> {
        let settings = Settings {
            people_max: engine.generation().spec().settings.customers_max,
            ..state.settings
        };
        let opened = journal::open(Arc::clone(&state.storage), &settings, clock.unix_ms())?;
        for warning in &opened.warnings {
            tracing::warn!("{warning}");
        }
        let passed_ms = clock.unix_ms().saturating_sub(opened.epoch_unix_ms);
        // On a test clock the journal's moments are none of the calendar's.
        let last_unix_ms = if clock.speed() == 1.0 {
            opened.epoch_unix_ms.saturating_add(opened.last_at.as_millis())
        } else {
            0
        };
        let threads = || available_parallelism().map_or(1, usize::from).min(THREADS_MAX);
        let journal: Arc<dyn Journal> = Arc::clone(&opened.journal) as _;
        Ok(Self {
            keeper: Arc::new(Keeper::new(
                Arc::clone(&engine),
                journal,
                Some(Arc::clone(&opened.vault)),
            )),
            engine,
            clock: clock
                .dated_from(last_unix_ms)
                .not_before(opened.last_at)
                .not_before(Timestamp::from_millis(passed_ms)),
            kept: Some(ToRead {
                journal: opened.journal,
                vault: opened.vault,
                threads: state.threads.unwrap_or_else(threads),
                epoch_unix_s: opened.epoch_unix_ms / 1_000,
            }),
        })
    }

    /// Brings the engine to its state, and keeps it from here on; `None` when nothing is kept.
    pub(in crate::serve) fn recover(self) -> Result<Option<(Recovered, Housekeeping)>, OpenStateError> {
        let Some(kept) = self.kept else { return Ok(None) };
        let (engine, now) = (&self.engine, self.clock.now());
        let dates = Calendar {
            now,
            epoch_unix_s: kept.epoch_unix_s,
        };
        let recovered = recover(&self.keeper, &*kept.journal, &kept.vault, dates, kept.threads)?;
        engine.skip_decisions(DECISIONS_SKIPPED);
        let snapshot = kept.journal.snapshot().map_err(RecoveryError::from)?;
        let snapshot = snapshot.map(|(through, _)| through).unwrap_or_default();
        let writing = kept.journal.start()?;
        let housekeeping = Housekeeping::start(&self.keeper, writing, snapshot)?;
        Ok(Some((recovered, housekeeping)))
    }
}
