//! What kind of reply a request expects.

use nextbest_proto::v1::{self, app_reply::Body};

/// A reply of one kind.
pub(crate) trait Reply: Sized {
    /// The kind, for an error.
    const EXPECTED: &'static str;

    /// `None` when the body is of another kind.
    fn from_body(body: Body) -> Option<Self>;
}

macro_rules! reply {
    ($kind:ident, $message:ty, $expected:literal) => {
        impl Reply for $message {
            const EXPECTED: &'static str = $expected;

            fn from_body(body: Body) -> Option<Self> {
                if let Body::$kind(reply) = body {
                    Some(reply)
                } else {
                    None
                }
            }
        }
    };
}

reply!(Welcome, v1::AppWelcome, "a welcome");
reply!(Decision, v1::Decision, "a decision");
reply!(SignalAck, v1::SignalAck, "a signal's acknowledgement");
reply!(Hubs, v1::HubsReport, "a report of the hubs");
reply!(PresenceWatched, v1::PresenceWatched, "the beginning of a watch");
reply!(OutcomeAck, v1::OutcomeAck, "an outcome's acknowledgement");
reply!(Readings, v1::ReadingsReply, "readings");
