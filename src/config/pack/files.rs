//! Which files a pack has.
//!
//! The shell reads them, because nothing here touches a file system; [`pack_files`] tells it what to look for.

/// Largest file of a pack, in bytes. The map of a full stadium takes less than a tenth of it.
pub const FILE_LEN_MAX: usize = 8 << 20;
/// Most files of a pack.
pub const FILES_MAX: usize = 256;

/// A file, or a folder of files, that a pack may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PackPath {
    /// The path within the pack; of a folder, without a slash at its end.
    pub path: &'static str,
    /// For a folder: which files in it belong to the pack, by their ending.
    pub ending: Option<&'static str>,
    /// Whether there is no pack without it (in a folder: without at least one file).
    pub is_required: bool,
    /// What it holds.
    pub(super) content: Content,
}

/// What a file of a pack holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Content {
    /// [`super::about`].
    About,
    /// The map.
    Map,
    /// [`super::journey`].
    Journey,
    /// [`super::segments`].
    Segments,
    /// [`super::actions`].
    Actions,
    /// Fluent.
    Messages,
    /// [`super::settings`].
    Settings,
    /// `config::survey`.
    Survey,
}

const PACK_FILES: &[PackPath] = &[
    file("pack.toml", true, Content::About),
    folder("venue", ".geojson", true, Content::Map),
    file("journey.toml", true, Content::Journey),
    file("segments.toml", false, Content::Segments),
    file("actions.toml", false, Content::Actions),
    folder("actions", ".toml", false, Content::Actions),
    folder("messages", ".ftl", true, Content::Messages),
    file("settings.toml", false, Content::Settings),
    file("survey.csv", false, Content::Survey),
];

/// Every file and folder that a pack may have, in reading order.
#[must_use]
pub const fn pack_files() -> &'static [PackPath] {
    PACK_FILES
}

impl PackPath {
    /// Whether the file of this name, whose beginning is the caller's, is this one.
    pub(super) fn is(&self, name: &str) -> bool {
        let mut parts = name.rsplit(['/', '\\']);
        let (Some(last), before) = (parts.next(), parts.next()) else {
            return false;
        };
        match self.ending {
            Some(ending) => before == Some(self.path) && last.len() > ending.len() && last.ends_with(ending),
            None => last == self.path && before != Some("actions"),
        }
    }

    /// How messages call it.
    pub(super) fn called(&self) -> String {
        self.ending
            .map_or_else(|| self.path.to_owned(), |ending| format!("{}/*{ending}", self.path))
    }
}

/// The locale of `messages/es-MX.ftl`.
pub(super) fn locale_of(name: &str) -> &str {
    let last = name.rsplit(['/', '\\']).next().unwrap_or(name);
    last.strip_suffix(".ftl").unwrap_or(last)
}

const fn file(path: &'static str, is_required: bool, content: Content) -> PackPath {
    PackPath {
        path,
        ending: None,
        is_required,
        content,
    }
}

const fn folder(path: &'static str, ending: &'static str, is_required: bool, content: Content) -> PackPath {
    PackPath {
        path,
        ending: Some(ending),
        is_required,
        content,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_file_is_told_by_its_path_wherever_the_pack_is() {
        let content = |name| pack_files().iter().find(|path| path.is(name)).map(|path| path.content);
        assert_eq!(content("pack.toml"), Some(Content::About));
        assert_eq!(content("packs/stadium/actions/sell.toml"), Some(Content::Actions));
        assert_eq!(content("packs\\stadium\\venue\\map.geojson"), Some(Content::Map));
        assert_eq!(content("packs/stadium/messages/es-MX.ftl"), Some(Content::Messages));
        assert_eq!(content("packs/stadium/README.md"), None);
        assert_eq!(content("messages/.ftl"), None);
    }
}
