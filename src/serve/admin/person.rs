//! What the privacy officer may do about one person: everything that is known, their erasure, and the proofs of erasures.
//!
//! The person is named in the body, never in a path, which proxies write down. Exporting and erasing need a reason and are
//! noted before they are done; whom they were about is noted where erasing them reaches it.

use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use serde_json::{Value, json};

use super::answering::{Refused, say};
use super::audit::What;
use super::changing::record;
use crate::serve::access::admin_tokens::AdminToken;
use crate::serve::durable::{EraseError, Proof};
use crate::serve::person;
use crate::serve::shared::Shared;

/// The body of `POST /v1/admin/person/export` and `POST /v1/admin/person/erase`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PersonBody {
    customer: String,
    why: String,
}

/// Everything that is known of somebody.
pub(super) async fn export(shared: &Shared, holder: &AdminToken, body: &[u8]) -> Result<Response, Refused> {
    let body = read(body)?;
    record(shared, holder, What::ExportPerson(&body.customer), &body.why).await?;
    let known = shared
        .keeper
        .known(shared.clock.now(), &body.customer)
        .ok_or_else(unknown)?;
    let generation = shared.engine.generation();
    Ok(say(&person::json(&shared.clock, &generation, &known)))
}

/// Erases somebody. Blocks for a sync of the disk or two, which only other staff waits for.
pub(super) async fn erase(shared: &Shared, holder: &AdminToken, body: &[u8]) -> Result<Response, Refused> {
    let body = read(body)?;
    record(shared, holder, What::ErasePerson(&body.customer), &body.why).await?;
    let proof = Proof {
        unix_s: shared.clock.unix_s(),
        who: holder.name.clone(),
        why: body.why,
    };
    let at = person::date(proof.unix_s);
    match shared.keeper.erase(shared.clock.now(), &body.customer, proof) {
        Ok(()) => Ok(say(&json!({ "erased": true, "at": at, "who": holder.name }))),
        Err(EraseError::Unknown) => Err(unknown()),
        Err(error @ EraseError::NamesThem) => Err(Refused::because(
            StatusCode::BAD_REQUEST,
            "invalid_field",
            error.to_string(),
        )),
        Err(EraseError::Journal(_)) => Err(Refused::because(
            StatusCode::SERVICE_UNAVAILABLE,
            "not_ready",
            "the journal has failed: nobody knows them any more, but whether the disk has it is not known; ask again after a \
             restart",
        )),
    }
}

/// Who was erased when, by whom and why, without who.
pub(super) fn erasures(shared: &Shared) -> Value {
    let (all, proofs) = shared.keeper.erasures();
    let proofs = proofs
        .iter()
        .map(|proof| json!({ "at": person::date(proof.unix_s), "who": proof.who, "why": proof.why }));
    json!({ "erased": all, "proofs": proofs.collect::<Vec<_>>() })
}

fn read(body: &[u8]) -> Result<PersonBody, Refused> {
    let expected = "expected {\"customer\": .., \"why\": ..}";
    serde_json::from_slice(body).map_err(|_| Refused::because(StatusCode::BAD_REQUEST, "invalid_field", expected))
}

fn unknown() -> Refused {
    Refused::because(StatusCode::NOT_FOUND, "unknown_subject", "nobody knows the customer")
}
