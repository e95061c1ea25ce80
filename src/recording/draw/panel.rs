//! One walk: the plan on the left; its name, the figures and the charts on the right.

use super::Played;
use super::canvas::{ERROR, FAINT, HUB, INK, Picture, RULE, SAID, Side, TRUTH, px};
use super::{charts, plan};
use crate::recording::Site;

pub(super) const WIDTH_PX: f32 = 1_240.0;
pub(super) const HEIGHT_PX: f32 = 640.0;
const MARGIN_PX: f32 = 24.0;
/// Where the right column begins.
const RIGHT_PX: f32 = 740.0;
const LINE_PX: f32 = 19.0;

pub(super) fn draw(picture: &mut Picture, top: f32, site: &Site, walk: &Played<'_>) {
    let plan_box = plan::Frame {
        left: MARGIN_PX,
        top: top + MARGIN_PX,
        width: RIGHT_PX - 2.0 * MARGIN_PX,
        height: HEIGHT_PX - 2.0 * MARGIN_PX,
    };
    plan::draw(picture, &plan_box, site, walk.instants);
    let mut y = top + MARGIN_PX + 18.0;
    picture.text(px(RIGHT_PX, y), 20.0, Side::Right, INK, walk.name);
    y += 10.0;
    for figure in walk.figures {
        y += LINE_PX;
        picture.text(px(RIGHT_PX, y), 14.0, Side::Right, INK, figure.as_str());
    }
    y += 1.6 * LINE_PX;
    legend(picture, y, walk);
    let charts_box = plan::Frame {
        left: RIGHT_PX,
        top: y + LINE_PX,
        width: WIDTH_PX - RIGHT_PX - MARGIN_PX,
        height: top + HEIGHT_PX - MARGIN_PX - y - LINE_PX,
    };
    charts::draw(picture, &charts_box, walk.instants, site);
    let bottom = top + HEIGHT_PX;
    picture.line(vec![px(0.0, bottom), px(WIDTH_PX, bottom)], 1.0, RULE);
}

/// What the lines and dots of the plan are.
fn legend(picture: &mut Picture, y: f32, walk: &Played<'_>) {
    let has_truth = walk.instants.iter().any(|instant| instant.true_place.is_some());
    let all = [
        ("true", TRUTH, has_truth),
        ("said", SAID, true),
        ("error", ERROR, has_truth),
        ("hub", HUB, true),
    ];
    let mut x = RIGHT_PX;
    for (name, colour, _) in all.into_iter().filter(|(_, _, shown)| *shown) {
        if name == "hub" {
            picture.rectangle(px(x + 8.0, y - 9.0), 9.0, 9.0, colour);
        } else {
            picture.line(vec![px(x, y - 4.0), px(x + 24.0, y - 4.0)], 2.5, colour);
        }
        picture.text(px(x + 32.0, y), 13.0, Side::Right, FAINT, name);
        x += 92.0;
    }
}
