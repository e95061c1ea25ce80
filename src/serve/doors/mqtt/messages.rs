//! What one sender's messages bring, whichever end of MQTT they came to.
//!
//! Left out and counted: a packet that is sent again, a reading that a broker had
//! kept (nobody knows how old it is), and a word about another hub than the one that is known to speak. The one thing in
//! a kept message that is news is that a hub has gone: a broker keeps a hub's last will for those who come later.

use std::net::IpAddr;
use std::sync::Arc;

use nextbest_venue::hub_key;

use super::packets::Message;
use super::redelivery::Redelivery;
use crate::serve::doors::Doors;
use crate::serve::metrics::Counter;
use crate::wire::payload::{Family, HubStatus, Said, read_topic};

/// What one sender, a broker or a hub, has sent.
pub(super) struct Messages {
    doors: Arc<Doors>,
    redelivery: Redelivery,
}

/// Who sends, as far as it is known.
#[derive(Clone, Copy)]
pub(super) struct Sender<'a> {
    /// Its address, whose bucket pays for each message. `None`: a broker, or a relay, through whom all hubs speak; each
    /// hub's own bucket bounds them.
    pub(super) from: Option<IpAddr>,
    /// The one hub that it may speak for; `None`: any.
    pub(super) speaker: Option<&'a str>,
}

impl Sender<'_> {
    /// The venue's broker, or a bridge of it.
    pub(super) const BROKER: Self = Self {
        from: None,
        speaker: None,
    };
}

impl Messages {
    pub(super) fn new(doors: Arc<Doors>) -> Self {
        Self {
            doors,
            redelivery: Redelivery::default(),
        }
    }

    /// Takes a message.
    pub(super) fn take(&mut self, message: &Message, sender: Sender<'_>) {
        let (topic, payload) = (message.topic(), message.payload());
        let Some(family) = self.admit(topic, sender.from) else {
            return;
        };
        if self
            .redelivery
            .was_taken(message.packet_id(), message.is_again(), topic, payload)
        {
            return self.doors.shared.metrics.count(Counter::MqttSentAgain);
        }
        self.read(family, (topic, payload), message.is_retained(), sender.speaker);
    }

    /// Takes a hub's last will, which nobody sends again.
    pub(super) fn take_will(&self, topic: &str, payload: &[u8], sender: Sender<'_>) {
        if let Some(family) = self.admit(topic, sender.from) {
            self.read(family, (topic, payload), false, sender.speaker);
        }
    }

    /// The family of a topic, before the payload is looked at; `None`, and counted: it is left out.
    fn admit(&self, topic: &str, from: Option<IpAddr>) -> Option<Family> {
        let settings = &self.doors.settings;
        let Some(family) = settings.mqtt.family(&settings.topics, topic) else {
            self.doors.shared.metrics.count(Counter::MqttUnknownTopic);
            return None;
        };
        self.doors.admit(from, family).is_ok().then_some(family)
    }

    fn read(&self, family: Family, (topic, payload): (&str, &[u8]), is_retained: bool, speaker: Option<&str>) {
        let (topics, metrics) = (&self.doors.settings.topics, &self.doors.shared.metrics);
        let speaker = speaker.map(hub_key);
        // A refusal has been counted, by its family and cause.
        let _counted = self.doors.hear(family, &[], |say| {
            read_topic(topics, family, topic, payload, &mut |said| {
                let (hub, is_gone) = match said {
                    Said::Report(report) => (report.hub, false),
                    Said::Hub { hub, status } => (hub, status == HubStatus::Gone),
                };
                if is_retained && !is_gone {
                    metrics.count(Counter::MqttRetained);
                } else if speaker.as_ref().is_some_and(|speaker| *speaker != hub_key(hub)) {
                    metrics.count(Counter::MqttOfAnotherHub);
                } else {
                    say(said);
                }
            })
        });
    }
}
