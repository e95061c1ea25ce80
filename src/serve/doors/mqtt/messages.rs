//! What one sender's messages bring, whichever end of MQTT they came to.
//!
//! Left out and counted: a packet that is sent again, a reading that a broker had
//! kept (nobody knows how old it is), and a word about another hub than the one that is known to speak. The one thing in
//! a kept message that is news is that a hub has gone: a broker keeps a hub's last will for those who come later.

use std::sync::Arc;

use nextbest_venue::hub_key;

use super::packets::Message;
use super::redelivery::Redelivery;
use crate::serve::doors::Doors;
use crate::serve::metrics::Counter;
use crate::wire::payload::{HubStatus, Said, read_topic};

/// One sender: a broker, or a hub.
pub(super) struct Messages {
    doors: Arc<Doors>,
    redelivery: Redelivery,
}

impl Messages {
    pub(super) fn new(doors: Arc<Doors>) -> Self {
        Self {
            doors,
            redelivery: Redelivery::default(),
        }
    }

    /// Takes a message. `speaker`: the one hub that the sender may speak for; `None`: for any.
    pub(super) fn take(&mut self, message: &Message, speaker: Option<&str>) {
        let (topic, payload) = (message.topic(), message.payload());
        if self
            .redelivery
            .was_taken(message.packet_id(), message.is_again(), topic, payload)
        {
            return self.doors.shared.metrics.count(Counter::MqttSentAgain);
        }
        self.read(topic, payload, message.is_retained(), speaker);
    }

    /// Takes what is in a message, without looking whether it was sent before.
    pub(super) fn read(&self, topic: &str, payload: &[u8], is_retained: bool, speaker: Option<&str>) {
        let (settings, metrics) = (&self.doors.settings, &self.doors.shared.metrics);
        let Some(family) = settings.mqtt.family(&settings.topics, topic) else {
            return metrics.count(Counter::MqttUnknownTopic);
        };
        let speaker = speaker.map(hub_key);
        // A refusal has been counted, by its family and cause.
        let _counted = self.doors.take(None, family, |say| {
            read_topic(&settings.topics, family, topic, payload, &mut |said| {
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
