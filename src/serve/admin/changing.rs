//! The one way to a change: whoever asks for one says why, and it is noted before it is made. And what was noted, for those
//! who may look.

use std::future::poll_fn;

use axum::http::StatusCode;
use serde_json::{Map, Value, json};

use super::answering::Refused;
use super::audit::{About, Change, What};
use super::routes::{CHANGE_FIELDS, allows};
use crate::serve::access::admin_tokens::{AdminRole, AdminToken};
use crate::serve::durable::{self, Shown};
use crate::serve::shared::{Shared, Stage};

/// Longest reason for a change.
const WHY_LEN_MAX: usize = 256;

/// Notes that `holder` is about to do `what`, in the journal if there is one and in the audit; returns when that is
/// durable. Every route that changes something passes here before it does.
///
/// # Errors
/// [`Refused`]: the change is not to be made.
pub(super) async fn record(shared: &Shared, holder: &AdminToken, what: What<'_>, why: &str) -> Result<(), Refused> {
    if why.trim().is_empty() || why.len() > WHY_LEN_MAX {
        let sentence = "`why` is expected to have 1 to 256 bytes";
        return Err(Refused::because(StatusCode::BAD_REQUEST, "invalid_field", sentence));
    }
    let change = Change {
        unix_ms: shared.clock.unix_ms(),
        who: &holder.name,
        role: holder.role,
        what,
        why,
    };
    journal(shared, &change).await?;
    shared
        .audit
        .record(&change)
        .map_err(|error| Refused::because(StatusCode::SERVICE_UNAVAILABLE, "not_ready", error.to_string()))
}

async fn journal(shared: &Shared, change: &Change<'_>) -> Result<(), Refused> {
    let refused = |sentence| Refused::because(StatusCode::SERVICE_UNAVAILABLE, "not_ready", sentence);
    if *shared.stage.borrow() == Stage::Recovering {
        return Err(refused("what was kept is being read; try again in a moment"));
    }
    let (about, is_about_a_person) = match change.what.about() {
        About::Nothing => ("", false),
        About::Thing(name) => (name, false),
        About::Person(id) => (id, true),
    };
    let noted = durable::Change {
        unix_ms: change.unix_ms,
        who: change.who,
        role: change.role.name(),
        what: change.what.name(),
        about,
        is_about_a_person,
        why: change.why,
    };
    let keeper = &shared.keeper;
    let not_kept = "the change could not be written to the journal, so it was not made";
    let until = keeper.change(shared.clock.now(), &noted);
    let until = until.map_err(|_| refused(not_kept))?;
    let durable = poll_fn(|context| keeper.poll_durable(until, context)).await;
    durable.map_err(|_| refused(not_kept))
}

/// What the staff has changed, latest first, with the fields that the role sees.
pub(super) fn changes(shared: &Shared, role: AdminRole) -> Value {
    let changes = shared.keeper.changes().into_iter().map(|change| {
        let mut fields = fields(change);
        fields.retain(|name, _| allows(CHANGE_FIELDS, name, role));
        Value::Object(fields)
    });
    json!({ "changes": changes.collect::<Vec<_>>() })
}

fn fields(change: Shown) -> Map<String, Value> {
    let (thing, person) = if change.is_sealed {
        ("person", "person_why")
    } else {
        ("about", "why")
    };
    let (about, why) = change.detail.unzip();
    let fields = [
        ("unix_ms", json!(change.unix_ms)),
        ("who", json!(change.who)),
        ("role", json!(change.role)),
        ("what", json!(change.what)),
        (thing, json!(about)),
        (person, json!(why)),
    ];
    fields
        .map(|(name, value)| (name.to_owned(), value))
        .into_iter()
        .collect()
}
