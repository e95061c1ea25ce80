//! What an occupant's category makes it: food, drink, a shop, ... and for the long rest, a service.
//!
//! IMDF 1.0.0 has some 1,200 categories of occupants (OGC 20-094, Categories, Occupant). Those that are sold as food, drink
//! or goods are named here, with the few that have a place category of their own; every other one is a `service`. The
//! category itself is not lost: its parts become the `kinds` of the place.

/// The place category of an occupant.
pub(super) fn place_of(category: &str) -> &'static str {
    let root = category.split('.').next().unwrap_or(category);
    let has = |words: &str| words.split_whitespace().any(|word| word == category || word == root);
    let exact = |words: &str| words.split_whitespace().any(|word| word == category);
    match () {
        () if exact(TICKETING) => "ticketing",
        () if exact(EXHIBIT) || root == "museum" => "exhibit",
        () if has(CUISINES) || exact(DISHES) => "food",
        () if exact(DRINK) => "drink",
        () if exact(CHARGING) => "charging",
        () if exact(TRANSPORT) => "transport",
        () if exact(SHOP) || root == "clothing" || root == "petstore" || root == "grocery" => "shop",
        () if exact(PARKING) => "parking",
        () if exact(FIRST_AID) => "first_aid",
        () if exact(INFORMATION) => "information",
        () if exact(CLOAKROOM) => "cloakroom",
        () if exact(LOUNGE) => "lounge",
        () if root == "placeofworship" => "prayer_room",
        () if exact(RECREATION) => "recreation",
        () => "service",
    }
}

/// Cuisines: a region's dishes (`chinese.dimsum`) count with the region.
const CUISINES: &str = "afghani african american arabian argentine armenian asianfusion asturian australian austrian \
    bangladeshi belgian bengali blacksea brazilian british bulgarian burmese cajun cambodian canadian caribbean chilean \
    chinese colombian corsican cuban cypriot czech danish dominican easterneuropean egyptian ethiopian european filipino \
    french georgian german greek haitian hawaiian himalayan hongkong hungarian iberian indian indonesian irish israeli \
    italian japanese jewish kashmiri korean kurdish laotian latinamerican lebanese ligurian malaysian mauritian \
    mediterranean mexican middleeastern mongolian moroccan mughlai naga nepalese newzealand nicaraguan northamerican \
    norwegian nyonya okinawan oriental ottoman pakistani parma parsi persian peruvian polish portuguese puertorican \
    punjabi reunionnese romanian russian salvadoran scandinavian scottish senegalese serbianandcroatian singaporean \
    slovakian southafrican southernunitedstates southwestunitedstates spanish srilankan swedish swiss syrian tapas \
    taiwanese thai tibetan turkish ukrainian vietnamese yugoslav";

/// Dishes, and houses that serve them.
const DISHES: &str = "acai bagels bakedgoods barbecue barfood biryani bistro breakfastandbrunch buffet burgers cafeteria \
    cakes canteen catering cheesesteaks chickenshop chickenwings chimneycakes churros comfortfood congee conveyorsushi \
    crepes cupcakes customcakes delicatessen delicatessen.sandwiches desserts diner dinnertheater diyfood donair donuts \
    dumplings eatertainment empanadas falafel familyrestaurant fastfood fishandchips flatbread fondue foodcourt \
    fooddelivery foodstand foodtruck freiduria friterie gastropubs gelato giblets glutenfree halal healthyfoods hotdogs \
    hotpot icecream internationalfood izakaya japanesesweets kaiseki kebab kiosk.food kopitiam kosher macaron mamak \
    meatballs nasilemak nightfood noodles opensandwiches paella pasta piadina pita pizza poke popcorn potatoes \
    poutineries pretzels rawfood restaurant riceshop robatayaki rodizio rotisseriechicken salad sandwiches seafood \
    shavedice shavedsnow soulfood soup steak streetvendor supperclub sushi taberna tacos taiyaki tamales texmex tofu \
    vegan vegetarian waffles";

/// What is drunk, and where.
const DRINK: &str = "airportloungebar bar beerbar beergarden beerhall beisl brewery brewpub bubbletea cafe champagnebar \
    cider cigarbar cocktailbar coffee coffee.tea coffeeroaster distillery divebar hookahbar hotelbar internetcafe \
    irishpub juicebar loungebar milkbar milkshakes pianobar pub sakebar sportsbar tea themedcafe tikibar whiskeybar \
    winebar winery";

/// What is bought and carried away.
const SHOP: &str = "accessories adultstore antiques appliances artsandcrafts artsupplies audiovideoequipment \
    auto.parts autopartssupplies babyclothesandsupplies batteries beerwineandspirits beerwinespirits beveragestore \
    bicycleshop bikesandequipment books booksmagazinesmusicvideo bridalstore buildingsupplies butcher cabinets candy \
    candy.dagashi cannabisdispensary cards.stationery carpet cellphoneaccessories cheese chinesebazaar chocolate \
    christmastrees coffeeteasupplies comicbooks computersandaccessories conceptshop conveniencestore cosmetics costumes \
    custommerchandise dancewear departmentstore discountstore dutyfree electronicappliances electronicparts \
    ethnicgrocerystore eyewear.opticians fabricstore farmersmarket fashion fashionaccessories fish fitnessequipment \
    florist florists flowers formalwear frozenfoods fruitandvegetables furclothing furniture furniturestore giftshops \
    golfequipment golfshop gourmetfood gourmetmarket grillingequipment grocery grocerystore guitarstore gunsandammo \
    hardware hats headshop herbsandspices hobbyshop holidaydecorations homeandgarden homedecor homegarden honey \
    horsequipment huntingfishingsupplies hypermarket importedfood jewelry kimonos kiosk kitchenandbath knittingsupplies \
    leathergoods lighting linens lingerie lotterystand luggage maternitywear mattresses medicalsupplies mobilephones \
    motorcyclingclothing musicalinstruments musicvideo newspapersandmagazines nurseries.gardening \
    officeequipmentandsupplies oliveoil opticians organicfood outdoorfurniture outdoorgear outletmall outletstore \
    packingsupplies paintstores partysupplies pawn perfume pets pharmacy pharmacystore photographyequipment \
    photographystore pianostore popup popupshops religiousitems rugs scandinaviandesign seafoodmarket shoes shoestore \
    shopping shoppingpassage skatingequipment skiequipment sleepwear souvenirs specialtyfood spiritualproducts \
    sportinggoods sportsgoods sportswear stationery stockings supermarket surfingequipment swimwear tabletopgames \
    tableware teachersupplies thriftstore tobaccoshop toys toystore vendingmachine videogamestore vitaminssupplements \
    wholesalestore wigs";

const TICKETING: &str = "tickets airline";
const EXHIBIT: &str = "aquarium artgallery landmark observatory planetarium publicart touristattraction zoo";
const CHARGING: &str = "auto.evcharge auto.evcharge.dcfast auto.evcharge.tesla phonechargingstation";
const TRANSPORT: &str = "airportshuttle apmstop busstop carrental ferry limo privateshuttlebus publictransport rideshare \
    shuttle subwaystation taxi taxistand terminal terminal.bus towncarservice trainstation";
const PARKING: &str = "parking valetservices";
const FIRST_AID: &str = "emergencymedicine urgentcare walkinclinic";
const INFORMATION: &str = "visitorcenter";
const CLOAKROOM: &str = "luggagestorage packagelocker";
const LOUNGE: &str = "oxygenbar";
const RECREATION: &str = "amusementpark amusementpark.ride arcade bowlingalley carouselride cinema comedyclub danceclub \
    escapegame gokarting gym karaoke lasertag minigolf musicvenue performingarts playcenter playground pool poolhall \
    recreation recreationcenter skatingrink swimmingpool theater.movie themepark virtualreality waterpark";

#[cfg(test)]
mod tests {
    use super::place_of;
    use crate::words::PLACE_CATEGORIES;

    #[test]
    fn a_region_s_dish_is_food_and_what_is_sold_is_a_shop() {
        for (category, place) in [
            ("chinese.dimsum", "food"),
            ("hongkong.cafe", "food"),
            ("pizza", "food"),
            ("coffee", "drink"),
            ("clothing.childrens", "shop"),
            ("museum.art", "exhibit"),
            ("dentistry.cosmetic", "service"),
            ("auto.evcharge.tesla", "charging"),
            ("placeofworship.mosque", "prayer_room"),
        ] {
            assert_eq!(place_of(category), place, "{category}");
            assert!(PLACE_CATEGORIES.contains(&place));
        }
    }
}
