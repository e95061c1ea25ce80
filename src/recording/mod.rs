//! Recordings of real hubs with the truth beside them: read, played through a tracker, scored and drawn.
//!
//! `nextbest locate`, the comparison in `benches/side_by_side` and the tests ask the same question with it: how far off
//! is what is said at an instant, from sightings before that instant alone? Files of the form of `tests/data/tetam`
//! carry places, a recording in the form of the SAL data set carries the side of a door.
//!
//! Reading order: `site` is what stands still (hubs, cells, zones, survey), `walk` what was heard and what was true,
//! `labelled` the other form of both, `play` a walk through a tracker, `gateway` the same through the whole
//! engine, `score` what came of it, `draw` the picture; `survey` and `calibrate` look at hubs and places instead of people. Deliberately absent:
//! clocks, and anything that bends the locator to a recording: it runs with its default settings.

mod calibrate;
mod draw;
mod floor;
mod gateway;
mod labelled;
mod play;
mod score;
mod site;
mod survey;
mod walk;
mod zones;

pub use calibrate::{Calibration, HubCheck, calibrate};
pub use draw::{DRAWN_WALKS_MAX, PaintError, Picture, Played, draw};
pub use gateway::{Batch, Gateway, NoEngine};
pub use play::{Estimate, Instant, LocatorTracker, SCORE_EVERY_MS, Tracker, play, run};
pub use score::Scores;
pub use site::{OpenError, Site, SiteFiles};
pub use survey::{HeardAtStop, Place, STOPS_MAX, Stop, heard_at, parse_stops, plan};
pub use walk::{Heard, Truth, Walk};
pub use zones::{Rectangle, Zones};
