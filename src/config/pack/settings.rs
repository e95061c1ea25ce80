//! `settings.toml`: numbers that tune the engine, maxima that bound its memory, and where the shell listens.

use std::net::{Ipv4Addr, SocketAddr};
use std::ops::Range;
use std::sync::Arc;

use super::actions::PurposeName;
use super::names::lookup;
use super::presence::PresenceTable;
use crate::config::mistake::{Mistake, SourceFile};
use crate::config::table::{Address, At, Decimal, Folder, Id, List, Name, Whole, table};
use crate::engine::MemoryBound;
use crate::engine::spec::{Settings, Vocabulary};

/// Memory that the maxima may come to when `settings.toml` does not say, in MiB.
const MEMORY_MIB: u64 = 2_048;

table! {
    /// Numbers of the engine, its maxima, and the shell's addresses. Everything has a default.
    SettingsFile {
        /// Numbers that tune the engine.
        engine: Option<EngineTable>,
        /// When a stay in a zone is something.
        presence: Option<PresenceTable>,
        /// Maxima, from which the memory is computed.
        limits: Option<LimitsTable>,
        /// Addresses and maxima of the shell.
        serve: Option<ServeTable>,
    }
}

table! {
    /// Numbers that tune the engine.
    EngineTable {
        /// A position older than this is not used; default 15,000. Longer: people who left still get answers for where they were.
        position_ttl_ms: Option<Whole<1_000, 600_000>>,
        /// A hub that was silent this long is dead; default 10,000.
        hub_dead_after_ms: Option<At<Whole<1_000, 600_000>>>,
        /// A hub says how it is at least this often; default 4,000.
        hub_heartbeat_ms: Option<Whole<250, 60_000>>,
        /// Sightings that arrive this long after they were heard move nobody; default 5,000.
        sighting_late_after_ms: Option<Whole<250, 60_000>>,
        /// Share of the people who carry a registered tag; default 1.
        tag_share: Option<Decimal<1, 1_000>>,
        /// Walk and wait, in seconds, at which the capacity factor is one half; default 300.
        capacity_half_s: Option<Whole<10, 7_200>>,
        /// Seconds by which a way may be longer than the best so that others wait less; default 60, never more than 30 %.
        detour_s_max: Option<Whole<0, 600>>,
        /// Share of those sent to a place who come, before it has been learned; default 0.6.
        compliance: Option<Decimal<0, 1_000>>,
        /// Answers below this priority are not given; default 0.
        priority_floor: Option<Decimal<0, 1_000_000_000>>,
        /// What is allowed of whoever never spoke about it; default: service only.
        consent_default: Option<List<At<PurposeName>>>,
        /// Days that a consent lasts at most; default 730.
        consent_days_max: Option<Whole<1, 3_650>>,
        /// The phase that the event starts with; default: none.
        phase: Option<At<Id>>,
        /// The event that says a place has served somebody; default: none, queues are counted from positions only.
        served_event: Option<At<Name>>,
        /// The events by which a service says that a customer is at a place (a sale, a ticket scan); what the hubs hear of
        /// them there teaches the radio map. Default: the served event.
        passage_events: Option<List<At<Name>>>,
        /// Radio: dBm at one metre; default -59.
        path_loss_1m_dbm: Option<Decimal<-100_000, -20_000>>,
        /// Radio: exponent of the path loss, 2 in the open, 3 and more between walls; default 1.8, with 0.45 dB per metre besides.
        path_loss_exponent: Option<Decimal<1_500, 6_000>>,
    }
}

table! {
    /// Maxima. What would pass them is refused and counted.
    LimitsTable {
        /// Customers that are remembered; default 1,000,000.
        customers_max: Option<At<Whole<1, 50_000_000>>>,
        /// Registered tags; default 131,072.
        tags_max: Option<Whole<1, 4_194_304>>,
        /// Signal ids that are remembered, so that each is applied once, at least half of them; default 2,097,152.
        message_ids_max: Option<Whole<1, 16_777_216>>,
        /// Memory, in MiB, that the maxima may come to; default 2,048.
        memory_mib: Option<At<Whole<16, 1_048_576>>>,
    }
}

table! {
    /// Addresses and maxima of the shell; arguments of the command line win.
    ServeTable {
        /// UDP, for apps; default `127.0.0.1:4433`.
        listen: Option<Address>,
        /// UDP, for hubs; default `127.0.0.1:4434`.
        listen_hubs: Option<Address>,
        /// TCP, for health and metrics over HTTPS; default: not listened on.
        http: Option<Address>,
        /// TCP, for operators; default: not listened on.
        admin: Option<Address>,
        /// Connections of apps at once; default 20,000.
        app_connections_max: Option<Whole<1, 1_000_000>>,
        /// Connections of hubs at once; default 2,048.
        hub_connections_max: Option<Whole<1, 65_536>>,
        /// Requests that one app connection may have open; default 64.
        requests_open_max: Option<Whole<1, 1_024>>,
        /// A connection that is silent this long is closed; default 30.
        idle_timeout_s: Option<Whole<5, 3_600>>,
        /// The folder for what must survive, from the pack's folder on if it is not absolute; default: a restart starts empty.
        state: Option<At<Folder>>,
        /// When the gateway stops, connections get this long to finish; default 10.
        drain_s: Option<Whole<0, 600>>,
    }
}

/// What the shell is told by a pack. Defaults are those of [`ServeSettings::default`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServeSettings {
    /// UDP address for apps.
    pub listen: SocketAddr,
    /// UDP address for hubs.
    pub listen_hubs: SocketAddr,
    /// TCP address for HTTPS; `None`: not listened on.
    pub http: Option<SocketAddr>,
    /// TCP address for operators; `None`: not listened on.
    pub admin: Option<SocketAddr>,
    /// Connections of apps at once; more are refused.
    pub app_connections_max: u32,
    /// Connections of hubs at once; more are refused.
    pub hub_connections_max: u32,
    /// Requests that one app connection may have open.
    pub requests_open_max: u32,
    /// Seconds of silence after which a connection is closed.
    pub idle_timeout_s: u32,
    /// Seconds that connections get to finish when the gateway stops.
    pub drain_s: u32,
    /// The folder for what must survive; `None`: a restart starts empty.
    pub state: Option<StateFolder>,
}

/// A folder that a pack names, and where it names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateFolder {
    /// The folder, as it is written.
    pub path: String,
    source: Arc<SourceFile>,
    span: Range<usize>,
}

impl StateFolder {
    /// A mistake where the folder is named.
    #[must_use]
    pub fn mistake(&self, what: impl Into<String>) -> Mistake {
        let expected = "a folder that this machine has or can make, and that no other gateway uses";
        Mistake::new(&self.source, self.span.clone(), what, expected)
    }
}

impl Default for ServeSettings {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 4_433)),
            listen_hubs: SocketAddr::from((Ipv4Addr::LOCALHOST, 4_434)),
            http: None,
            admin: None,
            app_connections_max: 20_000,
            hub_connections_max: 2_048,
            requests_open_max: 64,
            idle_timeout_s: 30,
            drain_s: 10,
            state: None,
        }
    }
}

impl SettingsFile {
    /// The engine's numbers.
    pub(super) fn engine(&self, words: &Vocabulary, mistakes: &mut Vec<Mistake>) -> Settings {
        let mut settings = Settings::default();
        if let Some(table) = &self.engine {
            table.apply(&mut settings, words, mistakes);
        }
        if let Some(table) = &self.presence {
            table.apply(&mut settings, words, mistakes);
        }
        if let Some(table) = &self.limits {
            table.apply(&mut settings, mistakes);
        }
        settings
    }

    /// What the shell is told.
    pub(super) fn serve(&self) -> ServeSettings {
        let mut settings = ServeSettings::default();
        if let Some(table) = &self.serve {
            set(&mut settings.listen, table.listen.as_ref().and_then(Address::to_socket));
            set(
                &mut settings.listen_hubs,
                table.listen_hubs.as_ref().and_then(Address::to_socket),
            );
            settings.http = table.http.as_ref().and_then(Address::to_socket);
            settings.admin = table.admin.as_ref().and_then(Address::to_socket);
            set(
                &mut settings.app_connections_max,
                table.app_connections_max.map(Whole::to),
            );
            set(
                &mut settings.hub_connections_max,
                table.hub_connections_max.map(Whole::to),
            );
            set(&mut settings.requests_open_max, table.requests_open_max.map(Whole::to));
            set(&mut settings.idle_timeout_s, table.idle_timeout_s.map(Whole::to));
            set(&mut settings.drain_s, table.drain_s.map(Whole::to));
            settings.state = table.state.as_ref().map(|at| StateFolder {
                path: at.value.to_string(),
                source: Arc::clone(&at.location.source),
                span: at.location.span.clone(),
            });
        }
        settings
    }
}

impl EngineTable {
    fn apply(&self, settings: &mut Settings, words: &Vocabulary, mistakes: &mut Vec<Mistake>) {
        set(&mut settings.position_ttl_ms, self.position_ttl_ms.map(Whole::to));
        set(
            &mut settings.hub_dead_after_ms,
            self.hub_dead_after_ms.as_ref().map(|at| at.value.to()),
        );
        set(&mut settings.hub_heartbeat_ms, self.hub_heartbeat_ms.map(Whole::to));
        set(
            &mut settings.sighting_late_after_ms,
            self.sighting_late_after_ms.map(Whole::to),
        );
        set(&mut settings.tag_share, self.tag_share.map(Decimal::to_f32));
        set(
            &mut settings.capacity_half_s,
            self.capacity_half_s.map(|seconds| f32::from(seconds.to::<u16>())),
        );
        set(
            &mut settings.detour_s_max,
            self.detour_s_max.map(|seconds| f32::from(seconds.to::<u16>())),
        );
        set(&mut settings.compliance, self.compliance.map(Decimal::to_f32));
        set(&mut settings.priority_floor, self.priority_floor.map(Decimal::to_f32));
        set(
            &mut settings.path_loss_1m_dbm,
            self.path_loss_1m_dbm.map(Decimal::to_f32),
        );
        set(
            &mut settings.path_loss_exponent,
            self.path_loss_exponent.map(Decimal::to_f32),
        );
        if let Some(purposes) = &self.consent_default {
            settings.consent_default = purposes.iter().fold(0, |bits, name| bits | name.purpose().bit());
        }
        set(&mut settings.consent_days_max, self.consent_days_max.map(Whole::to));
        if let Some(phase) = &self.phase {
            settings.phase = lookup(phase, &words.phases, "phase", mistakes).and_then(|at| u8::try_from(at).ok());
        }
        if let Some(event) = &self.served_event {
            settings.served_event =
                lookup(event, &words.events, "event", mistakes).and_then(|at| u16::try_from(at).ok());
        }
        settings.passage_events = match &self.passage_events {
            None => settings.served_event.into_iter().collect(),
            Some(events) => events
                .iter()
                .filter_map(|event| lookup(event, &words.events, "event", mistakes))
                .filter_map(|at| u16::try_from(at).ok())
                .collect(),
        };
        if let Some(at) = self
            .hub_dead_after_ms
            .as_ref()
            .filter(|_| settings.hub_dead_after_ms <= settings.hub_heartbeat_ms)
        {
            let what = "a hub would be dead before its next heartbeat";
            mistakes.push(at.mistake(
                what,
                format!("more than `hub_heartbeat_ms`, {}", settings.hub_heartbeat_ms),
            ));
        }
    }
}

impl LimitsTable {
    fn apply(&self, settings: &mut Settings, mistakes: &mut Vec<Mistake>) {
        set(
            &mut settings.customers_max,
            self.customers_max.as_ref().map(|at| at.value.to()),
        );
        set(&mut settings.tags_max, self.tags_max.map(Whole::to));
        set(&mut settings.message_ids_max, self.message_ids_max.map(Whole::to));
        let allowed_mib = self.memory_mib.as_ref().map_or(MEMORY_MIB, |at| at.value.to());
        let needed_mib = MemoryBound::of(settings).total_bytes().div_ceil(1 << 20);
        let location = self.memory_mib.as_ref().map(|at| &at.location);
        let location = location.or(self.customers_max.as_ref().map(|at| &at.location));
        if let Some(at) = location.filter(|_| needed_mib > allowed_mib) {
            let what = format!("the limits come to {needed_mib} MiB, of {allowed_mib} MiB allowed");
            mistakes.push(at.mistake(what, "smaller limits, or more `memory_mib`"));
        }
    }
}

fn set<T>(slot: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *slot = value;
    }
}
