//! Builds the radio map anew now and then, from what the engine has learned since.
//!
//! It has a thread of its own, since a map of hundreds of surveyed hubs takes a second. Deliberately absent: what is
//! learned, and from whom; the engine knows.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};

use super::shared::{Shared, Stage};

/// How often it looks, in the gateway's time: often enough for a map to follow a day, seldom enough not to be noticed.
const LOOK_EVERY: Duration = Duration::from_secs(60);

/// Looks until the gateway drains.
pub(super) async fn run(shared: Arc<Shared>) {
    let mut stage = shared.stage.clone();
    let every = shared.clock.real(LOOK_EVERY).max(Duration::from_millis(1));
    let mut looks = interval(every);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _stage = stage.wait_for(|stage| *stage == Stage::Draining) => return,
            _tick = looks.tick() => look(&shared),
        }
    }
}

fn look(shared: &Shared) {
    match shared.engine.learn_radio_map() {
        Ok(true) => {
            let state = shared.engine.learning();
            tracing::info!(
                readings = state.readings,
                pairs = state.pairs,
                "the radio map was built anew"
            );
        }
        Ok(false) => {}
        Err(error) => tracing::warn!("the radio map stays as it is: {error}"),
    }
}
