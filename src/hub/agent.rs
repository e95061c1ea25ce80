//! The agent's loop: what the radio hears goes to the gateway, and how it all is goes there as well and to the operator.
//!
//! The client it speaks through buffers, reconnects and resumes ([`nextbest_client::HubClient`]). Deliberately absent:
//! where the radio, the buffer and the output come from, which the command line decides.

use std::future::Future;
use std::time::Duration;

use nextbest_client::{HubClient, HubReadings, HubStatistics};
use nextbest_proto::limits::ADAPTER_LEN_MAX;
use nextbest_proto::v1;
use tokio::time::{Instant, MissedTickBehavior};

use super::board;
use super::ear::{Ear, EarCounts};
use super::radio::{Radio, RadioEvent, RadioReport};

/// How often readings are taken for the health that goes to the gateway.
const READINGS_EVERY: Duration = Duration::from_secs(1);
/// Over how long the rate of advertisements is counted.
const RATE_OVER: Duration = Duration::from_secs(5);

/// How the agent is.
#[derive(Clone, Debug)]
pub struct Health {
    /// How its radio is.
    pub radio: RadioReport,
    /// How often the radio was opened again.
    pub radio_restarts: u32,
    /// Advertisements.
    pub adverts: EarCounts,
    /// Advertisements heard each second.
    pub adverts_per_second: f32,
    /// Sightings and the connection.
    pub hub: HubStatistics,
    /// Of the board, if it has a sensor.
    pub temperature_celsius: Option<f32>,
}

/// Runs until the radio ends or `stop` does, and gives the last health.
pub async fn run(
    mut radio: impl Radio,
    ear: Ear,
    hub: &HubClient,
    tell_every: Duration,
    mut tell: impl FnMut(&Health),
    stop: impl Future<Output = ()>,
) -> Health {
    let mut agent = Agent::new(ear, hub);
    let mut ticks = tokio::time::interval(READINGS_EVERY.min(tell_every));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut tell_at = Instant::now() + tell_every;
    tokio::pin!(stop);
    loop {
        tokio::select! {
            biased;
            () = &mut stop => break,
            _tick = ticks.tick() => {
                agent.report();
                if Instant::now() >= tell_at {
                    tell_at += tell_every;
                    tell(&agent.health());
                }
            }
            event = radio.next() => match event {
                Some(event) => {
                    if agent.take(event) {
                        agent.report();
                        tell(&agent.health());
                    }
                }
                None => break,
            },
        }
    }
    agent.report();
    agent.health()
}

struct Agent<'a> {
    ear: Ear,
    hub: &'a HubClient,
    radio: RadioReport,
    scans: u32,
    rate: Rate,
}

impl<'a> Agent<'a> {
    fn new(ear: Ear, hub: &'a HubClient) -> Self {
        Self {
            ear,
            hub,
            radio: RadioReport::default(),
            scans: 0,
            rate: Rate::new(Instant::now()),
        }
    }

    /// Takes what the radio says; whether its state is another one.
    fn take(&mut self, event: RadioEvent) -> bool {
        match event {
            RadioEvent::Heard(heard) => {
                if let Some(mut sighting) = self.ear.hear(&heard) {
                    sighting.age_ms = u32::try_from(heard.at.elapsed().as_millis()).unwrap_or(u32::MAX);
                    self.hub.push(sighting);
                }
                false
            }
            RadioEvent::Learned { address, advertisement } => {
                self.ear.learn(address, &advertisement);
                false
            }
            RadioEvent::Missed => {
                self.ear.miss();
                false
            }
            RadioEvent::State(report) => {
                let is_another = report.state != self.radio.state || report.adapter != self.radio.adapter;
                if is_another && report.state == v1::RadioState::Scanning {
                    self.scans += 1;
                }
                self.radio = report;
                is_another
            }
        }
    }

    fn report(&mut self) {
        let counts = self.ear.counts();
        self.rate.count(Instant::now(), counts.heard);
        let mut adapter = self.radio.adapter.clone();
        let fits = (0..=ADAPTER_LEN_MAX).rev().find(|len| adapter.is_char_boundary(*len));
        adapter.truncate(fits.unwrap_or(0));
        self.hub.report(HubReadings {
            adverts_heard: counts.heard,
            adverts_malformed: counts.malformed,
            clock_unix_ms: board::unix_ms(),
            temperature_celsius: board::temperature_celsius(),
            adapter,
            radio_state: self.radio.state,
            adverts_per_second: self.rate.per_second(),
            adverts_filtered: counts.filtered,
            radio_restarts: self.radio_restarts(),
        });
    }

    fn radio_restarts(&self) -> u32 {
        self.scans.saturating_sub(1)
    }

    fn health(&self) -> Health {
        Health {
            radio: self.radio.clone(),
            radio_restarts: self.radio_restarts(),
            adverts: self.ear.counts(),
            adverts_per_second: self.rate.per_second(),
            hub: self.hub.statistics(),
            temperature_celsius: board::temperature_celsius(),
        }
    }
}

/// How many each second, over the last seconds.
struct Rate {
    since: Instant,
    until: Instant,
    at_since: u64,
    at_until: u64,
}

impl Rate {
    fn new(now: Instant) -> Self {
        Self {
            since: now,
            until: now,
            at_since: 0,
            at_until: 0,
        }
    }

    fn count(&mut self, now: Instant, total: u64) {
        if self.until.saturating_duration_since(self.since) >= RATE_OVER {
            (self.since, self.at_since) = (self.until, self.at_until);
        }
        (self.until, self.at_until) = (now, total);
    }

    fn per_second(&self) -> f32 {
        let over_s = self.until.saturating_duration_since(self.since).as_secs_f32();
        if over_s < 0.1 {
            return 0.0;
        }
        (self.at_until - self.at_since) as f32 / over_s
    }
}
