//! Roles and routes: who may do what at the HTTPS listeners, in one table that is also what answers.
//!
//! | route | who | what |
//! |---|---|---|
//! | `GET /healthz` | anybody | 200 while the process serves: "ok", or "degraded" and why when signals are not taken any more |
//! | `GET /readyz` | anybody | 200 while new connections are taken, 503 while state is read back and when the gateway drains |
//! | `GET /metrics` | viewer, operator | counters and gauges in the text format of Prometheus |
//! | `GET /v1/admin/whoami` | every role | the name and the role behind a token |
//! | `GET /v1/admin/hubs` | viewer, operator | every hub; [`HUB_FIELDS`] says which role sees what of one |
//! | `GET /v1/admin/changes` | operator, privacy officer | who changed what, when and why, latest first; [`CHANGE_FIELDS`] says which role sees what of one |
//! | `POST /v1/admin/revoke` | operator, agent, privacy officer | refuse a hub, a certificate, a token or a person's tokens; [`REVOCABLE`] says which role may refuse what |
//! | `POST /v1/admin/reload` | operator | take the key folder again |
//! | `POST /v1/admin/person/export` | privacy officer | everything that is known of a person |
//! | `POST /v1/admin/person/erase` | privacy officer | erase a person, from every disk and copy as well |
//! | `GET /v1/admin/erasures` | privacy officer | who was erased when, by whom and why, without who |
//!
//! Whatever is not in a table is refused. Only [`UNTIL_FAR`] may refuse tokens that nobody can have been given yet. Deliberately absent: what the routes do (`super::answering`).

use crate::serve::access::admin_tokens::AdminRole::{self, Agent, Operator, PrivacyOfficer, Viewer};

/// One route.
#[derive(Clone, Copy, Debug)]
pub struct Route {
    /// How it is asked.
    pub verb: Verb,
    /// Its path, as a whole.
    pub path: &'static str,
    /// Who may ask.
    pub who: Who,
    /// What it does.
    pub(super) work: Work,
}

/// How a route is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// Looks.
    Get,
    /// Changes.
    Post,
}

impl Verb {
    /// As HTTP writes it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
        }
    }
}

/// Who may ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// Without a token; also at the listener that is not the admins'.
    Anybody,
    /// With a token of one of these roles.
    Roles(&'static [AdminRole]),
}

/// What a route does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Work {
    Alive,
    Ready,
    Metrics,
    WhoAmI,
    Hubs,
    Changes,
    Revoke,
    Reload,
    ExportPerson,
    ErasePerson,
    Erasures,
}

/// Every route of both HTTPS listeners.
pub const ROUTES: &[Route] = &[
    route(Verb::Get, "/healthz", Who::Anybody, Work::Alive),
    route(Verb::Get, "/readyz", Who::Anybody, Work::Ready),
    route(Verb::Get, "/metrics", Who::Roles(&[Viewer, Operator]), Work::Metrics),
    route(Verb::Get, "/v1/admin/whoami", Who::Roles(&AdminRole::ALL), Work::WhoAmI),
    route(Verb::Get, "/v1/admin/hubs", Who::Roles(&[Viewer, Operator]), Work::Hubs),
    route(
        Verb::Get,
        "/v1/admin/changes",
        Who::Roles(&[Operator, PrivacyOfficer]),
        Work::Changes,
    ),
    route(
        Verb::Post,
        "/v1/admin/revoke",
        Who::Roles(&[Operator, Agent, PrivacyOfficer]),
        Work::Revoke,
    ),
    route(Verb::Post, "/v1/admin/reload", Who::Roles(&[Operator]), Work::Reload),
    route(
        Verb::Post,
        "/v1/admin/person/export",
        Who::Roles(&[PrivacyOfficer]),
        Work::ExportPerson,
    ),
    route(
        Verb::Post,
        "/v1/admin/person/erase",
        Who::Roles(&[PrivacyOfficer]),
        Work::ErasePerson,
    ),
    route(
        Verb::Get,
        "/v1/admin/erasures",
        Who::Roles(&[PrivacyOfficer]),
        Work::Erasures,
    ),
];

/// Every field of a hub in `GET /v1/admin/hubs`, and who sees it.
pub const HUB_FIELDS: &[(&str, &[AdminRole])] = &[
    ("id", &[Viewer, Operator]),
    ("alive", &[Viewer, Operator]),
    ("heard_ms_ago", &[Viewer, Operator]),
    ("sightings_per_s", &[Viewer, Operator]),
    ("flags", &[Viewer, Operator]),
    ("firmware", &[Operator]),
    ("uptime_ms", &[Operator]),
    ("buffer_len", &[Operator]),
    ("clock_offset_ms", &[Operator]),
];

/// Every field of a change in `GET /v1/admin/changes`, and who sees it. Whom a change was about, and why, is `null` when
/// the person was erased.
pub const CHANGE_FIELDS: &[(&str, &[AdminRole])] = &[
    ("unix_ms", &[Operator, PrivacyOfficer]),
    ("who", &[Operator, PrivacyOfficer]),
    ("role", &[Operator, PrivacyOfficer]),
    ("what", &[Operator, PrivacyOfficer]),
    ("about", &[Operator, PrivacyOfficer]),
    ("why", &[Operator, PrivacyOfficer]),
    ("person", &[PrivacyOfficer]),
    ("person_why", &[PrivacyOfficer]),
];

/// What `POST /v1/admin/revoke` may refuse, and who may ask for it.
pub const REVOCABLE: &[(&str, &[AdminRole])] = &[
    ("hub", &[Operator]),
    ("certificate", &[Operator]),
    // A token's id does not say whose it is, and it may be a service's.
    ("token", &[Operator]),
    ("customer", &[Operator, Agent, PrivacyOfficer]),
    ("subject", &[Operator]),
];

/// Who may refuse tokens that are issued later than the clocks of their issuers can be.
pub const UNTIL_FAR: &[AdminRole] = &[Operator];

/// Whether a table allows a thing to a role; what is not in the table is nobody's.
pub(super) fn allows(table: &[(&str, &[AdminRole])], thing: &str, role: AdminRole) -> bool {
    table
        .iter()
        .any(|(name, roles)| *name == thing && roles.contains(&role))
}

const fn route(verb: Verb, path: &'static str, who: Who, work: Work) -> Route {
    Route { verb, path, who, work }
}
