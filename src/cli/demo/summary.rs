//! What the demo ends with.

use serde_json::{Value, json};

use super::watch::{Figures, Watch, duration, us};

/// The figures of a whole demo.
pub(super) struct Summary {
    figures: Figures,
    /// Answers that people got.
    pub(super) answers: u64,
}

impl Summary {
    /// Reads the end of a demo.
    pub(super) fn of(watch: &Watch) -> Self {
        let figures = watch.read();
        Self {
            answers: figures.crowd.answers,
            figures,
        }
    }

    /// One object.
    pub(super) fn json(&self) -> Value {
        let Figures {
            counts,
            decide_ns,
            crowd,
            ..
        } = &self.figures;
        let mean = |mean: &firmware_sim::drive::Mean| mean.mean().map(f64::round);
        json!({
            "seconds": self.figures.ran.as_secs_f64(),
            "sightings": counts.sightings,
            "decides": counts.decides,
            "decide_p50_us": us(decide_ns, 0.5),
            "decide_p99_us": us(decide_ns, 0.99),
            "query_p50_us": crowd.latency_us.value_at_quantile(0.5),
            "query_p99_us": crowd.latency_us.value_at_quantile(0.99),
            "queries": crowd.queries,
            "answers": crowd.answers,
            "errors": crowd.errors(),
            "hubs": self.figures.hubs_alive,
            "served_after_s_when_told": mean(&crowd.told_s),
            "served_after_s_when_not": mean(&crowd.not_told_s),
        })
    }

    /// For people.
    pub(super) fn text(&self) -> String {
        let Figures {
            counts,
            decide_ns,
            crowd,
            ran,
            ..
        } = &self.figures;
        let seconds = ran.as_secs_f64();
        let mut text = format!(
            "\n{:.0} s: {} sightings ({:.0}/s) from {} hubs, {} decides\n\
             decide in the gateway   p50 {:.1} us   p99 {:.1} us\n\
             query over QUIC         p50 {} us   p99 {} us   (phone, hubs, crowd and gateway share this machine)\n\
             {} queries, {} answers, {} errors\n",
            seconds,
            counts.sightings,
            counts.sightings as f64 / seconds,
            self.figures.hubs_alive,
            counts.decides,
            us(decide_ns, 0.5),
            us(decide_ns, 0.99),
            crowd.latency_us.value_at_quantile(0.5),
            crowd.latency_us.value_at_quantile(0.99),
            crowd.queries,
            crowd.answers,
            crowd.errors(),
        );
        if let (Some(told), Some(not_told)) = (crowd.told_s.mean(), crowd.not_told_s.mean()) {
            text.push_str(&format!(
                "served after: {} for who went where they were told ({} people), {} for who did not ({})\n",
                duration(told as u32),
                crowd.told_s.count,
                duration(not_told as u32),
                crowd.not_told_s.count,
            ));
        }
        if let Some(answer) = crowd.recent.last() {
            text.push_str(&format!(
                "the last answer: \"{}\" ({} wanted {})\n",
                answer.message, answer.customer, answer.want
            ));
        }
        text
    }
}
