//! A pack: its files into one checked [`Spec`], or every mistake at once.
//!
//! Two rounds. First each file is read by itself; then names are followed across files. The second round is skipped
//! where the first lost names, since it would call everything that uses them a mistake.
//!
//! Deliberately absent: reading files, and compiling the spec into a generation (`engine`).

mod about;
mod action;
mod actions;
mod files;
mod journey;
mod names;
mod presence;
mod segments;
mod settings;
mod traits;
mod treatment;

use std::sync::Arc;

use nextbest_venue::{Source, Venue};

use self::about::AboutFile;
use self::actions::ActionsFile;
use self::files::{Content, locale_of};
use self::journey::JourneyFile;
use self::segments::SegmentsFile;
use self::settings::SettingsFile;
use super::condition::Names;
use super::message::{self, MessageSource};
use super::mistake::{Mistake, SourceFile};
use super::survey;
use super::table::{Document, Read};
use crate::engine::decide::message::Messages;
use crate::engine::locate::SurveyPoint;
use crate::engine::spec::Spec;

pub(super) use self::about::AboutFile as AboutSchema;
pub(super) use self::actions::ActionsFile as ActionsSchema;
pub use self::files::{FILE_LEN_MAX, FILES_MAX, PackPath, pack_files};
pub(super) use self::journey::JourneyFile as JourneySchema;
pub(super) use self::segments::SegmentsFile as SegmentsSchema;
pub(super) use self::settings::SettingsFile as SettingsSchema;
pub use self::settings::{ServeSettings, StateFolder};

/// A checked pack.
#[derive(Clone, Debug)]
pub struct Pack {
    /// Its id.
    pub id: String,
    /// Its name, as people read it.
    pub name: String,
    /// What the engine makes a generation from; its number is 1 until the shell gives it one.
    pub spec: Spec,
    /// What the shell is told.
    pub serve: ServeSettings,
}

impl Pack {
    /// Loads a pack from the names and texts of its files; only the ends of the names matter.
    ///
    /// # Errors
    /// Every mistake, in the order of the files.
    pub fn load<N: AsRef<str>, T: AsRef<str>>(files: &[(N, T)]) -> Result<Self, Vec<Mistake>> {
        let mut mistakes = Vec::new();
        let sources = Sources::of(files, &mut mistakes);
        let pack = sources.read(&mut mistakes).build(&mut mistakes);
        match pack {
            Some(pack) if mistakes.is_empty() => Ok(pack),
            Some(_) | None => {
                let place = |mistake: &Mistake| sources.0.iter().position(|(_, file)| file.name == mistake.source.name);
                mistakes.sort_by_key(|mistake| (place(mistake), mistake.span.start));
                Err(mistakes)
            }
        }
    }
}

/// The files of a pack, each with what it holds.
struct Sources(Vec<(Content, Arc<SourceFile>)>);

/// The files, each read by itself; `None` where there was too little to go on.
struct Parts {
    about: Option<AboutFile>,
    venue: Option<Arc<Venue>>,
    journey: Option<JourneyFile>,
    segments: Option<SegmentsFile>,
    actions: Option<ActionsFile>,
    settings: Option<SettingsFile>,
    messages: Option<Messages>,
    survey: Vec<SurveyPoint>,
}

impl Sources {
    fn of<N: AsRef<str>, T: AsRef<str>>(files: &[(N, T)], mistakes: &mut Vec<Mistake>) -> Self {
        let mut sources = Vec::new();
        for (at, (name, text)) in files.iter().enumerate() {
            let (name, text) = (name.as_ref(), text.as_ref());
            // A file that is refused for its size is not kept.
            let kept = if text.len() > FILE_LEN_MAX {
                ""
            } else {
                text.strip_prefix('\u{FEFF}').unwrap_or(text)
            };
            let file = Arc::new(SourceFile {
                name: name.to_owned(),
                text: kept.to_owned(),
            });
            let Some(path) = pack_files().iter().find(|path| path.is(name)) else {
                mistakes.push(Mistake::new(
                    &file,
                    0..0,
                    "the file is no part of a pack",
                    called(pack_files()),
                ));
                continue;
            };
            // Nothing at all is what an editor leaves behind that was stopped while it saved.
            if text.is_empty() {
                mistakes.push(Mistake::new(
                    &file,
                    0..0,
                    "the file is empty",
                    "what belongs into it, or no such file",
                ));
            }
            if text.len() > FILE_LEN_MAX {
                let what = format!("the file has {} bytes", text.len());
                mistakes.push(Mistake::new(&file, 0..0, what, format!("at most {FILE_LEN_MAX}")));
            }
            if at == FILES_MAX {
                mistakes.push(Mistake::new(
                    &file,
                    0..0,
                    "the pack has too many files",
                    format!("at most {FILES_MAX}"),
                ));
            }
            sources.push((path.content, file));
        }
        for path in pack_files().iter().filter(|path| path.is_required) {
            if !sources.iter().any(|(content, _)| *content == path.content) {
                let missing = Arc::new(SourceFile {
                    name: path.called(),
                    text: String::new(),
                });
                mistakes.push(Mistake::new(&missing, 0..0, "the pack has no such file", path.called()));
            }
        }
        Self(sources)
    }

    fn with(&self, content: Content) -> impl Iterator<Item = &Arc<SourceFile>> {
        self.0
            .iter()
            .filter(move |(other, _)| *other == content)
            .map(|(_, file)| file)
    }

    fn read(&self, mistakes: &mut Vec<Mistake>) -> Parts {
        let about: Option<AboutFile> = self.one(Content::About, mistakes);
        let venue = self.venue(mistakes);
        Parts {
            survey: venue
                .as_ref()
                .map(|venue| self.survey(venue, mistakes))
                .unwrap_or_default(),
            venue,
            journey: self.one(Content::Journey, mistakes),
            segments: self.one(Content::Segments, mistakes),
            actions: self.actions(mistakes),
            settings: self.one(Content::Settings, mistakes),
            messages: about.as_ref().and_then(|about| self.messages(about, mistakes)),
            about,
        }
    }

    /// The only file with this content; `None` when it is not there or something in it could not be understood.
    fn one<T: Read>(&self, content: Content, mistakes: &mut Vec<Mistake>) -> Option<T> {
        let mut read = None;
        for (at, file) in self.with(content).enumerate() {
            if at > 0 {
                mistakes.push(Mistake::new(file, 0..0, "the pack has this file twice", "one"));
            }
            read = parse(file, mistakes);
        }
        read
    }

    fn actions(&self, mistakes: &mut Vec<Mistake>) -> Option<ActionsFile> {
        let files: Vec<Option<ActionsFile>> = self.with(Content::Actions).map(|file| parse(file, mistakes)).collect();
        files
            .into_iter()
            .collect::<Option<Vec<_>>>()?
            .into_iter()
            .reduce(|mut all, file| {
                all.add(file);
                all
            })
    }

    fn venue(&self, mistakes: &mut Vec<Mistake>) -> Option<Arc<Venue>> {
        let files: Vec<&Arc<SourceFile>> = self.with(Content::Map).collect();
        let sources: Vec<Source> = files
            .iter()
            .map(|file| Source {
                name: file.name.clone(),
                text: file.text.as_str().into(),
            })
            .collect();
        if sources.is_empty() {
            return None;
        }
        match nextbest_venue::load(&sources) {
            Ok(venue) => Some(Arc::new(venue)),
            Err(of_map) => {
                mistakes.extend(of_map.into_iter().map(|mistake| {
                    let file = files.iter().find(|file| file.name == mistake.file).copied();
                    Mistake::of_map(mistake, file)
                }));
                None
            }
        }
    }

    fn survey(&self, venue: &Venue, mistakes: &mut Vec<Mistake>) -> Vec<SurveyPoint> {
        let mut points = Vec::new();
        for file in self.with(Content::Survey) {
            let source = Source {
                name: file.name.clone(),
                text: file.text.as_str().into(),
            };
            let station = |hub: &str| venue.hub_by_id(hub).map(|hub| hub.0);
            let (read, wrong) = survey::read_survey(&source, station, |height_m| survey::level_of(venue, height_m));
            points.extend(read);
            mistakes.extend(wrong.into_iter().map(|mistake| Mistake::of_map(mistake, Some(file))));
        }
        points
    }

    fn messages(&self, about: &AboutFile, mistakes: &mut Vec<Mistake>) -> Option<Messages> {
        let mut sources = Vec::new();
        for file in self.with(Content::Messages) {
            let locale = locale_of(&file.name);
            if about.locales.iter().any(|known| *known.value == *locale) {
                sources.push(MessageSource {
                    locale,
                    file: Arc::clone(file),
                });
            } else if about.locales.is_complete {
                let what = format!("`{locale}` is none of the pack's locales");
                mistakes.push(Mistake::new(
                    file,
                    0..0,
                    what,
                    "a file for one of `locales` in pack.toml",
                ));
            }
        }
        for locale in about.locales.iter() {
            if !sources.iter().any(|source| *source.locale == *locale.value) {
                let what = format!("there are no messages in `{locale}`");
                mistakes.push(locale.mistake(what, format!("a file `messages/{locale}.ftl`")));
            }
        }
        if !about
            .locales
            .iter()
            .any(|locale| locale.value == about.default_locale.value)
        {
            return None;
        }
        message::load(&sources, &about.default_locale)
            .map_err(|of_messages| mistakes.extend(of_messages))
            .ok()
    }
}

impl Parts {
    /// Follows names across files.
    fn build(&self, mistakes: &mut Vec<Mistake>) -> Option<Pack> {
        let (about, venue, journey) = (self.about.as_ref()?, self.venue.as_ref()?, self.journey.as_ref()?);
        about.check_locales(mistakes);
        let before = mistakes.len();
        let mut vocabulary = about.vocabulary(venue, mistakes);
        vocabulary.events = traits::events(&journey.event, mistakes);
        let stages = journey.stages(mistakes);
        let traits = traits::traits(&journey.r#trait, &vocabulary.events, mistakes);
        let segments = self
            .segments
            .as_ref()
            .map(|file| file.ids(mistakes))
            .unwrap_or_default();
        let names_are_right = mistakes.len() == before && self.names_are_complete();
        let settings = self
            .settings
            .as_ref()
            .map(|file| file.engine(&vocabulary, mistakes))
            .unwrap_or_default();
        if !names_are_right {
            return None;
        }
        let names = Names {
            venue,
            vocabulary: &vocabulary,
            stages: &stages,
            traits: &traits,
            segments: &segments,
        };
        let segments = self
            .segments
            .as_ref()
            .map(|file| file.segments(&names, mistakes))
            .unwrap_or_default();
        let transitions = journey.transition.len();
        let journey = journey.journey(&names, mistakes);
        let actions = self.actions.as_ref().map(|file| {
            let surroundings = action::Surroundings {
                names: &names,
                journey: (journey.transitions.len() == transitions).then_some(&journey),
                messages: self.messages.as_ref(),
            };
            action::actions(file, &surroundings, mistakes)
        });
        let actions = actions.unwrap_or_default();
        let spec = Spec {
            number: 1,
            venue: Arc::clone(venue),
            journey,
            segments,
            actions,
            messages: self.messages.clone()?,
            survey: self.survey.clone(),
            settings,
            traits,
            vocabulary,
        };
        Some(Pack {
            id: about.id.to_string(),
            name: about.name.to_string(),
            spec,
            serve: self.settings.as_ref().map(SettingsFile::serve).unwrap_or_default(),
        })
    }

    /// Whether every name that others use could be read.
    fn names_are_complete(&self) -> bool {
        self.about.as_ref().is_some_and(AboutFile::is_complete)
            && self.journey.as_ref().is_some_and(JourneyFile::is_complete)
            && self.segments.as_ref().is_none_or(|file| file.segment.is_complete)
    }
}

/// Parses and reads one file; `None` when its text is not TOML throughout.
fn parse<T: Read>(file: &Arc<SourceFile>, mistakes: &mut Vec<Mistake>) -> Option<T> {
    let before = mistakes.len();
    let document = Document::parse(file, mistakes);
    let is_toml = mistakes.len() == before;
    let read = T::read(document.root(), mistakes);
    read.filter(|_| is_toml)
}

fn called(paths: &[PackPath]) -> String {
    let names: Vec<String> = paths.iter().map(|path| format!("`{}`", path.called())).collect();
    format!("one of {}", names.join(", "))
}
