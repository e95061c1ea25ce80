//! Words by which a person is found wherever they are kept.

use nextbest_proto::v1;

/// What tells a person: their id, and words that only they sent.
pub(crate) fn canaries(n: u32) -> [String; 5] {
    ["id", "message", "word", "name", "device"].map(|what| format!("canary-{what}-{n:05}"))
}

/// Everything that a person says with their canaries in it.
pub(crate) fn says(n: u32) -> v1::Signal {
    let [subject, message_id, word, name, anonymous_id] = canaries(n);
    v1::Signal {
        message_id,
        kind: v1::SignalKind::Track.into(),
        subject,
        name,
        anonymous_id,
        properties: vec![v1::Property {
            name: "favourite".into(),
            value: Some(v1::property::Value::Text(word)),
        }],
        ..v1::Signal::default()
    }
}
