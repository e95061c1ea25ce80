//! Writes a decision, byte for byte as the generated types would, without allocating.
//!
//! Lengths stand before contents in protobuf, so each part has a `_len` beside its `put_`. A caller that keeps its
//! buffer reserves [`DECISION_LEN_MAX`] once and never grows it again. Field numbers are those of `app.proto`.

use bytes::{BufMut, BytesMut};
use nextbest_proto::limits::{APP_PUSH_LEN_MAX, APP_REPLY_LEN_MAX};
use thiserror::Error;

use crate::model::{Answer, Decision, Factors, PlaceAnswer, Reason, ReasonSet};

/// Bytes of the longest frame with a decision: the largest reply and its length.
pub const DECISION_LEN_MAX: usize = APP_REPLY_LEN_MAX + 3;

/// A decision does not fit into a reply. Nothing was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a decision of {len} bytes does not fit into a reply of {APP_REPLY_LEN_MAX}")]
pub struct ReplyTooLarge {
    /// Bytes that it would take.
    pub len: usize,
}

/// Appends an `AppReply` with the decision as one frame of a stream.
///
/// # Errors
/// [`ReplyTooLarge`] when it is longer than the contract allows.
pub fn decision_reply(request_id: u64, decision: &Decision<'_>, out: &mut BytesMut) -> Result<(), ReplyTooLarge> {
    let len = reply_len(request_id, decision)?;
    put_varint(len as u64, out);
    put_reply(request_id, decision, out);
    Ok(())
}

/// Appends an `AppReply` with the decision as the content of a datagram.
///
/// # Errors
/// As for [`decision_reply`].
pub fn decision_reply_datagram(
    request_id: u64,
    decision: &Decision<'_>,
    out: &mut BytesMut,
) -> Result<(), ReplyTooLarge> {
    reply_len(request_id, decision)?;
    put_reply(request_id, decision, out);
    Ok(())
}

/// Appends an `AppPush` with the decision as one frame of the stream of pushes.
///
/// # Errors
/// As for [`decision_reply`].
pub fn decision_push(decision: &Decision<'_>, out: &mut BytesMut) -> Result<(), ReplyTooLarge> {
    let inner = decision_len(decision);
    let len = message_field_len(inner);
    if len > APP_PUSH_LEN_MAX {
        return Err(ReplyTooLarge { len });
    }
    put_varint(len as u64, out);
    put_message_key(1, inner, out);
    put_decision(decision, out);
    Ok(())
}

fn reply_len(request_id: u64, decision: &Decision<'_>) -> Result<usize, ReplyTooLarge> {
    let len = uint_len(request_id) + message_field_len(decision_len(decision));
    if len > APP_REPLY_LEN_MAX {
        Err(ReplyTooLarge { len })
    } else {
        Ok(len)
    }
}

fn put_reply(request_id: u64, decision: &Decision<'_>, out: &mut BytesMut) {
    put_uint(1, request_id, out);
    put_message_key(3, decision_len(decision), out);
    put_decision(decision, out);
}

fn decision_len(decision: &Decision<'_>) -> usize {
    let answers = decision.answers.iter().map_while(Option::as_ref);
    uint_len(decision.decision_id)
        + uint_len(decision.generation)
        + answers
            .map(|answer| message_field_len(answer_len(answer)))
            .sum::<usize>()
        + reasons_len(decision.reasons)
        + text_len(decision.zone.unwrap_or_default())
        + some_uint_len(decision.zone_age_ms)
        + text_len(decision.stage)
        + decision
            .not_chosen()
            .map(|row| message_field_len(not_chosen_len(&row)))
            .sum::<usize>()
        + uint_len(u64::from(decision.actions_considered))
        + uint_len(u64::from(decision.actions_eligible))
        + decision.zone_confidence.map_or(0, |_| FLOAT_FIELD_LEN)
}

fn put_decision(decision: &Decision<'_>, out: &mut BytesMut) {
    put_uint(1, decision.decision_id, out);
    put_uint(2, decision.generation, out);
    for answer in decision.answers.iter().map_while(Option::as_ref) {
        put_message_key(3, answer_len(answer), out);
        put_answer(answer, out);
    }
    put_reasons(4, decision.reasons, out);
    put_text(5, decision.zone.unwrap_or_default(), out);
    put_some_uint(6, decision.zone_age_ms, out);
    put_text(7, decision.stage, out);
    for row in decision.not_chosen() {
        put_message_key(8, not_chosen_len(&row), out);
        put_not_chosen(&row, out);
    }
    put_uint(9, u64::from(decision.actions_considered), out);
    put_uint(10, u64::from(decision.actions_eligible), out);
    if let Some(confidence) = decision.zone_confidence {
        put_float_always(11, confidence, out);
    }
}

fn answer_len(answer: &Answer<'_>) -> usize {
    text_len(answer.issue)
        + text_len(answer.group)
        + text_len(answer.action)
        + text_len(answer.treatment)
        + text_len(answer.message)
        + text_len(answer.locale)
        + answer
            .place
            .as_ref()
            .map_or(0, |place| message_field_len(place_len(place)))
        + uint_len(u64::from(answer.expires_in_ms))
        + message_field_len(factors_len(&answer.factors))
        + reasons_len(answer.reasons)
}

fn put_answer(answer: &Answer<'_>, out: &mut BytesMut) {
    put_text(1, answer.issue, out);
    put_text(2, answer.group, out);
    put_text(3, answer.action, out);
    put_text(4, answer.treatment, out);
    put_text(5, answer.message, out);
    put_text(6, answer.locale, out);
    if let Some(place) = &answer.place {
        put_message_key(7, place_len(place), out);
        put_place(place, out);
    }
    put_uint(8, u64::from(answer.expires_in_ms), out);
    put_message_key(9, factors_len(&answer.factors), out);
    put_factors(&answer.factors, out);
    put_reasons(10, answer.reasons, out);
}

fn place_len(place: &PlaceAnswer<'_>) -> usize {
    text_len(place.id)
        + text_len(place.name)
        + some_uint_len(place.walk_s)
        + some_uint_len(place.wait_s)
        + text_len(place.level)
        + float_len(place.east_m)
        + float_len(place.north_m)
}

fn put_place(place: &PlaceAnswer<'_>, out: &mut BytesMut) {
    put_text(1, place.id, out);
    put_text(2, place.name, out);
    put_some_uint(3, place.walk_s, out);
    put_some_uint(4, place.wait_s, out);
    put_text(5, place.level, out);
    put_float(6, place.east_m, out);
    put_float(7, place.north_m, out);
}

fn factors(factors: &Factors) -> [f32; 6] {
    let Factors {
        propensity,
        context,
        value,
        levers,
        capacity,
    } = *factors;
    [propensity, context, value, levers, capacity, factors.priority()]
}

fn factors_len(of: &Factors) -> usize {
    factors(of).into_iter().map(float_len).sum()
}

fn put_factors(of: &Factors, out: &mut BytesMut) {
    for (number, factor) in (1..).zip(factors(of)) {
        put_float(number, factor, out);
    }
}

/// An action, the reason against it, and its priority when it had one.
type NotChosen<'a> = (&'a str, Reason, Option<f32>);

fn not_chosen_len((action, reason, priority): &NotChosen<'_>) -> usize {
    text_len(action) + uint_len(*reason as u64) + priority.map_or(0, |_| FLOAT_FIELD_LEN)
}

fn put_not_chosen((action, reason, priority): &NotChosen<'_>, out: &mut BytesMut) {
    put_text(1, action, out);
    put_uint(2, *reason as u64, out);
    if let Some(priority) = priority {
        put_float_always(3, *priority, out);
    }
}

// Every field number here is below 16, so that a key takes one byte. A field with its default is left out;
// a field that is optional is written whenever it is there.

const VARINT: u8 = 0;
const LENGTH_DELIMITED: u8 = 2;
const FIXED_32: u8 = 5;
/// A key and four bytes.
const FLOAT_FIELD_LEN: usize = 5;

const fn varint_len(value: u64) -> usize {
    // 7 bits for each byte: ceil(bits / 7), written without a division.
    ((64 - (value | 1).leading_zeros()) as usize * 9 + 64) / 64
}

const fn uint_len(value: u64) -> usize {
    if value == 0 { 0 } else { 1 + varint_len(value) }
}

fn some_uint_len(value: Option<u32>) -> usize {
    value.map_or(0, |value| 1 + varint_len(u64::from(value)))
}

const fn text_len(text: &str) -> usize {
    if text.is_empty() {
        0
    } else {
        message_field_len(text.len())
    }
}

fn float_len(value: f32) -> usize {
    if value == 0.0 { 0 } else { FLOAT_FIELD_LEN }
}

/// A packed list of numbers below 128.
fn reasons_len(reasons: ReasonSet) -> usize {
    match reasons.iter().count() {
        0 => 0,
        count => message_field_len(count),
    }
}

const fn message_field_len(len: usize) -> usize {
    1 + varint_len(len as u64) + len
}

fn put_varint(mut value: u64, out: &mut BytesMut) {
    while value >= 0x80 {
        out.put_u8((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.put_u8(value as u8);
}

fn put_key(number: u8, wire_type: u8, out: &mut BytesMut) {
    out.put_u8(number << 3 | wire_type);
}

fn put_uint(number: u8, value: u64, out: &mut BytesMut) {
    if value != 0 {
        put_key(number, VARINT, out);
        put_varint(value, out);
    }
}

fn put_some_uint(number: u8, value: Option<u32>, out: &mut BytesMut) {
    if let Some(value) = value {
        put_key(number, VARINT, out);
        put_varint(u64::from(value), out);
    }
}

fn put_text(number: u8, text: &str, out: &mut BytesMut) {
    if !text.is_empty() {
        put_message_key(number, text.len(), out);
        out.put_slice(text.as_bytes());
    }
}

fn put_float(number: u8, value: f32, out: &mut BytesMut) {
    if value != 0.0 {
        put_float_always(number, value, out);
    }
}

fn put_float_always(number: u8, value: f32, out: &mut BytesMut) {
    put_key(number, FIXED_32, out);
    out.put_f32_le(value);
}

fn put_reasons(number: u8, reasons: ReasonSet, out: &mut BytesMut) {
    let count = reasons.iter().count();
    if count > 0 {
        put_message_key(number, count, out);
        for reason in reasons.iter() {
            out.put_u8(reason as u8);
        }
    }
}

fn put_message_key(number: u8, len: usize, out: &mut BytesMut) {
    put_key(number, LENGTH_DELIMITED, out);
    put_varint(len as u64, out);
}
