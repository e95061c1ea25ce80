//! Over time: the error, and the zones that were true and said.

use super::canvas::{Colour, ERROR, FAINT, Picture, RULE, SAID, Side, px, zone_colour};
use super::plan::Frame;
use crate::engine::locate::NO_ZONE;
use crate::recording::{Instant, SCORE_EVERY_MS, Site};

/// Height of one strip of zones.
const STRIP_PX: f32 = 16.0;
/// Room on the left for the numbers of the axis.
const AXIS_PX: f32 = 34.0;
const NOWHERE: Colour = Colour(0xdd, 0xdd, 0xdd, 0xff);

pub(super) fn draw(picture: &mut Picture, frame: &Frame, instants: &[Instant], site: &Site) {
    let Some(lasts_ms) = instants.last().map(|last| last.at_ms) else {
        return;
    };
    let axis = Axis {
        left: frame.left + AXIS_PX,
        width: frame.width - AXIS_PX,
        lasts_ms: lasts_ms as f32,
    };
    let has_zones = !site.zones.names.is_empty() && instants.iter().any(|instant| instant.true_zone.is_some());
    let strips = if has_zones { 3.0 * STRIP_PX + 26.0 } else { 0.0 };
    let has_errors = instants.iter().any(|instant| error_m(instant).is_some());
    let chart = Frame {
        top: frame.top + 22.0,
        height: frame.height - strips - 22.0 - 24.0,
        ..*frame
    };
    if has_errors {
        errors(picture, &chart, &axis, instants);
    }
    let bottom = chart.top + chart.height;
    time(picture, &axis, if has_errors { bottom } else { bottom - 8.0 });
    if has_zones {
        let top = bottom + 34.0;
        strip(picture, &axis, top, "true", instants, |instant| instant.true_zone);
        strip(picture, &axis, top + 1.4 * STRIP_PX, "said", instants, |instant| {
            instant.said.map(|said| said.zone)
        });
    }
}

/// Time from left to right.
struct Axis {
    left: f32,
    width: f32,
    lasts_ms: f32,
}

impl Axis {
    fn x(&self, at_ms: f32) -> f32 {
        self.left + self.width * (at_ms / self.lasts_ms).clamp(0.0, 1.0)
    }
}

fn error_m(instant: &Instant) -> Option<f32> {
    Some(instant.said?.at.distance_m(instant.true_place?))
}

fn errors(picture: &mut Picture, frame: &Frame, axis: &Axis, instants: &[Instant]) {
    let most_m = instants.iter().filter_map(error_m).fold(1.0, f32::max).ceil();
    let y = |error_m: f32| frame.top + frame.height * (1.0 - error_m / most_m);
    picture.text(
        px(frame.left, frame.top - 9.0),
        12.0,
        Side::Right,
        FAINT,
        "error in m over time",
    );
    let step_m = [1.0, 2.0, 5.0, 10.0, 20.0, 50.0]
        .into_iter()
        .find(|step_m| most_m / step_m <= 6.0)
        .unwrap_or(100.0);
    let mut mark_m = 0.0;
    while mark_m <= most_m {
        picture.line(
            vec![px(axis.left, y(mark_m)), px(axis.left + axis.width, y(mark_m))],
            0.6,
            RULE,
        );
        picture.text(
            px(axis.left - 8.0, y(mark_m) + 4.0),
            11.0,
            Side::Left,
            FAINT,
            format!("{mark_m}"),
        );
        mark_m += step_m;
    }
    let mut stretch = Vec::new();
    for instant in instants {
        match error_m(instant) {
            Some(error_m) => stretch.push(px(axis.x(instant.at_ms as f32), y(error_m))),
            None => picture.line(std::mem::take(&mut stretch), 1.4, solid(ERROR)),
        }
    }
    picture.line(stretch, 1.4, solid(ERROR));
    let sorted = sorted(instants);
    if let Some(median_m) = sorted.get(sorted.len() / 2) {
        let y = y(*median_m);
        picture.line(vec![px(axis.left, y), px(axis.left + axis.width, y)], 1.0, SAID);
        picture.text(px(axis.left + axis.width, y - 4.0), 11.0, Side::Left, SAID, "median");
    }
}

fn sorted(instants: &[Instant]) -> Vec<f32> {
    let mut errors_m: Vec<f32> = instants.iter().filter_map(error_m).collect();
    errors_m.sort_by(f32::total_cmp);
    errors_m
}

fn time(picture: &mut Picture, axis: &Axis, y: f32) {
    let lasts_s = axis.lasts_ms / 1_000.0;
    let steps_s = [5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1_800.0];
    let step_s = steps_s
        .into_iter()
        .find(|step_s| lasts_s / step_s <= 8.0)
        .unwrap_or(7_200.0);
    let mut at_s = 0.0;
    while at_s <= lasts_s {
        picture.text(
            px(axis.x(at_s * 1_000.0), y + 17.0),
            11.0,
            Side::Middle,
            FAINT,
            format!("{at_s} s"),
        );
        at_s += step_s;
    }
}

/// The zones of a walk as a strip of colours.
fn strip(
    picture: &mut Picture,
    axis: &Axis,
    top: f32,
    name: &str,
    instants: &[Instant],
    zone: impl Fn(&Instant) -> Option<u16>,
) {
    picture.text(px(axis.left - 6.0, top + 12.0), 12.0, Side::Left, FAINT, name);
    for run in instants.chunk_by(|one, other| zone(one) == zone(other)) {
        let (Some(first), Some(last)) = (run.first(), run.last()) else {
            continue;
        };
        let from = axis.x(first.at_ms.saturating_sub(SCORE_EVERY_MS) as f32);
        let colour = match zone(first) {
            Some(NO_ZONE) | None => NOWHERE,
            Some(zone) => zone_colour(zone, 0xff),
        };
        picture.rectangle(px(from, top), axis.x(last.at_ms as f32) - from, STRIP_PX, colour);
    }
}

fn solid(Colour(red, green, blue, _): Colour) -> Colour {
    Colour(red, green, blue, u8::MAX)
}
