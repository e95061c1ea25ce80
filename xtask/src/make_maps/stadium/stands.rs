//! The forty stands of the stadium: what they sell, in which sector, and how fast.
//!
//! Together they serve about 1.1 times a half-time rush of 20,000 fans within 15 minutes: enough if people spread, far too
//! little if everybody goes to the nearest.

/// A concession stand.
pub(super) struct Stand {
    pub(super) english: &'static str,
    pub(super) spanish: &'static str,
    pub(super) category: &'static str,
    pub(super) kinds: &'static [&'static str],
}

const fn stand(
    english: &'static str,
    spanish: &'static str,
    category: &'static str,
    kinds: &'static [&'static str],
) -> Stand {
    Stand {
        english,
        spanish,
        category,
        kinds,
    }
}

/// The stands in the order of the sectors, the lower concourse first.
#[rustfmt::skip]
pub(super) const STANDS: [Stand; 40] = [
    stand("North Burgers", "Hamburguesas Norte", "food", &["burgers"]),
    stand("Pizza Corner", "Rincón de la Pizza", "food", &["pizza"]),
    stand("Kick-off Coffee", "Café Saque Inicial", "drink", &["coffee", "tea"]),
    stand("Taco Stand", "Taquería", "food", &["tacos", "mexican"]),
    stand("Hot Dog Express", "Perritos Exprés", "food", &["hot_dogs"]),
    stand("Riverside Ale House", "Cervecería Riverside", "drink", &["beer"]),
    stand("East Burgers", "Hamburguesas Este", "food", &["burgers"]),
    stand("Green Bowl", "Bol Verde", "food", &["vegan", "salads"]),
    stand("Noodle Bar", "Barra de Fideos", "food", &["noodles", "asian"]),
    stand("Smokehouse BBQ", "Barbacoa Ahumada", "food", &["bbq"]),
    stand("Sundae League", "Liga del Helado", "food", &["ice_cream", "dessert"]),
    stand("South Burgers", "Hamburguesas Sur", "food", &["burgers"]),
    stand("Slice of Victory", "Porción de Victoria", "food", &["pizza"]),
    stand("Fish and Chips", "Pescado con Patatas", "food", &["fish", "fries"]),
    stand("South Bar", "Bar Sur", "drink", &["beer", "cider"]),
    stand("Burrito Works", "Burritos", "food", &["burritos", "mexican"]),
    stand("Chicken Shack", "Pollo Frito", "food", &["chicken"]),
    stand("West Hot Dogs", "Perritos Oeste", "food", &["hot_dogs"]),
    stand("Curry Kitchen", "Cocina de Curry", "food", &["curry", "indian"]),
    stand("West Coffee", "Café Oeste", "drink", &["coffee", "tea"]),
    stand("Pretzel Post", "Pretzels", "food", &["pretzels", "snacks"]),
    stand("Falafel House", "Casa del Falafel", "food", &["falafel", "vegan"]),
    stand("Upper North Burgers", "Hamburguesas Norte Alta", "food", &["burgers"]),
    stand("Sky Bar", "Bar del Cielo", "drink", &["beer", "cider"]),
    stand("Upper Pizza", "Pizzería Alta", "food", &["pizza"]),
    stand("Plant Power", "Fuerza Vegetal", "food", &["vegan", "burgers"]),
    stand("Nacho Deck", "Terraza de Nachos", "food", &["nachos", "mexican"]),
    stand("East Side BBQ", "Barbacoa del Este", "food", &["bbq"]),
    stand("Ramen Row", "Ramen", "food", &["noodles", "asian"]),
    stand("Upper Coffee", "Café Alto", "drink", &["coffee", "tea"]),
    stand("Frankfurt Deck", "Terraza Fráncfort", "food", &["hot_dogs"]),
    stand("Gelato Stop", "Parada del Gelato", "food", &["ice_cream", "dessert"]),
    stand("Upper South Burgers", "Hamburguesas Sur Alta", "food", &["burgers"]),
    stand("Keg and Cup", "Barril y Vaso", "drink", &["beer"]),
    stand("Wings and Fries", "Alitas y Patatas", "food", &["chicken", "fries"]),
    stand("Taco Terrace", "Terraza de Tacos", "food", &["tacos", "mexican"]),
    stand("Pizza by the Slice", "Pizza al Corte", "food", &["pizza"]),
    stand("Lemonade Stand", "Limonadas", "drink", &["soft_drinks", "lemonade"]),
    stand("Popcorn and Candy", "Palomitas y Golosinas", "food", &["popcorn", "snacks"]),
    stand("West Noodles", "Fideos Oeste", "food", &["noodles", "asian"]),
];

/// People served at once at the stand of this number: 14 to 26, neighbours differing.
pub(super) fn servers(stand: usize) -> usize {
    14 + stand * 7 % 13
}

/// Mean seconds that one server takes: 25 to 41.
pub(super) fn service_s(stand: usize) -> usize {
    25 + stand * 11 % 17
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stands_together_serve_a_rush_of_20_000_with_little_to_spare() {
        let per_s: f64 = (0..STANDS.len())
            .map(|stand| servers(stand) as f64 / service_s(stand) as f64)
            .sum();
        let share = per_s * 900.0 / 20_000.0;
        assert!((1.0..=1.3).contains(&share), "{share:.2} of the rush within 15 minutes");
    }
}
