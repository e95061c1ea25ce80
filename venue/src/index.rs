//! Indices: how everything but the map's own text names a level, zone, place, hub or beacon.
//!
//! They are positions in the vectors of one [`crate::Venue`], in the order in which the files name them, and mean
//! nothing in another one. Deliberately absent: the ids of the map; `Venue::zone_by_id` and its siblings resolve those once.

macro_rules! index {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub $inner);

        impl $name {
            /// The position in the venue's vector.
            #[must_use]
            pub const fn index(self) -> usize {
                self.0 as usize
            }
        }
    };
}

index! {
    /// A floor: a position in [`crate::Venue::levels`].
    LevelIx(u8)
}
index! {
    /// An area: a position in [`crate::Venue::zones`].
    ZoneIx(u16)
}
index! {
    /// A point that people go to: a position in [`crate::Venue::places`].
    PlaceIx(u16)
}
index! {
    /// A fixed receiver: a position in [`crate::Venue::hubs`].
    HubIx(u16)
}
index! {
    /// A fixed transmitter: a position in [`crate::Venue::beacons`].
    BeaconIx(u16)
}
