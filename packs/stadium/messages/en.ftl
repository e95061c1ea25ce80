# What Riverside Stadium says, in English.
#
# $place, $level, $walk (minutes to get there) and $wait (minutes until served) are known when an answer sends somebody
# to a place. Messages that end in "-anywhere" are for people whose position, or a queue, is not known.

# --- Parts ------------------------------------------------------------------------------------------------------------

walk = { $walk ->
    [one] a minute away
   *[other] { $walk } minutes away
}
wait = { $wait ->
    [0] no queue
    [one] about a minute to wait
   *[other] about { $wait } minutes to wait
}
way = { walk }, { wait }

# --- Wayfinding: food ---------------------------------------------------------------------------------------------------

nearest-food = { $place } is your quickest bite: { way }. { $level }.
nearest-food-anywhere = All food stands are on the concourses, one in nearly every sector. Open the map to see the short queues.
nearest-burgers = Burgers: { $place }, { way }. { $level }.
nearest-burgers-anywhere = Burgers are grilled on both concourses. Open the map to see the short queues.
nearest-pizza = Pizza: { $place }, { way }. { $level }.
nearest-pizza-anywhere = Pizza ovens are hot on both concourses. Open the map to see the short queues.
nearest-mexican = Tacos and more: { $place }, { way }. { $level }.
nearest-mexican-anywhere = Mexican stands are on both concourses. Open the map to see the short queues.
nearest-asian = Noodles and curry: { $place }, { way }. { $level }.
nearest-asian-anywhere = Noodles and curry are on both concourses. Open the map to see the short queues.
nearest-grill = From the grill: { $place }, { way }. { $level }.
nearest-grill-anywhere = Barbecue and chicken are on both concourses. Open the map to see the short queues.
nearest-hot-dogs = Hot dogs and fries: { $place }, { way }. { $level }.
nearest-hot-dogs-anywhere = Hot dogs and fries are on both concourses. Open the map to see the short queues.
nearest-fish = Fish: { $place }, { way }. { $level }.
nearest-fish-anywhere = Fish is fried on the concourse. Open the map to see where.
nearest-vegan = Plant-based: { $place }, { way }. { $level }.
nearest-vegan-anywhere = Plant-based stands carry a green leaf. Open the map to see the short queues.
nearest-sweets = Something sweet: { $place }, { way }. { $level }.
nearest-sweets-anywhere = Ice cream and sweets are on both concourses. Open the map to see the short queues.

# --- Wayfinding: drinks -------------------------------------------------------------------------------------------------

nearest-drink = { $place } pours fastest: { way }. { $level }.
nearest-drink-anywhere = Bars are on both concourses. Open the map to see the short queues.
nearest-beer = Beer and cider: { $place }, { way }. { $level }.
nearest-beer-anywhere = Beer and cider are on both concourses. Bring your ID.
nearest-coffee = Coffee and tea: { $place }, { way }. { $level }.
nearest-coffee-anywhere = Coffee and tea are on both concourses. Open the map to see the short queues.
nearest-soft-drink = Soft drinks: { $place }, { way }. { $level }.
nearest-soft-drink-anywhere = Soft drinks are at every bar. Open the map to see the short queues.

# --- Wayfinding: comfort and doors --------------------------------------------------------------------------------------

nearest-restroom = { $place }: { way }.
nearest-restroom-anywhere = Restrooms are beside every second tunnel, on both concourses.
nearest-accessible-restroom = { $place }, without steps: { way }.
nearest-first-aid = First aid is { walk }: { $place }, { $level }. In an emergency, tell any steward.
nearest-first-aid-anywhere = First aid is on both concourses. Tell any steward: help will come to you.
nearest-information = { $place }: { way }.
nearest-information-anywhere = Information desks are on both concourses, and every steward can help.
lost-and-found = Lost something, or someone? { $place } can help: { way }.
nearest-shop = { $place }: { way }. { $level }.
nearest-shop-anywhere = Fan shops are on both concourses.
nearest-exit = Your quickest way out is { $place }, { walk }.
nearest-exit-anywhere = Gates A to H are all on the lower concourse.
egress = Leaving? { $place } is { walk } and moves well. Get home safely!

# --- Service ------------------------------------------------------------------------------------------------------------

welcome = Welcome to Riverside! Ask us for food, a restroom or your way, at any time.
beat-the-rush = Beat the half-time rush: { $place } is { walk } and has { wait }.
allow-offers = We only send offers to people who want them. Switch them on in your profile.
back-to-your-seat = You are missing a match! Your section is signposted from every sector.
leave-this-queue = There is a faster one: { $place }, { way }.
sorry = We are sorry that this was not the day you deserve. Show this message at any information desk: we will put it right.
talk-to-us = We would like to put it right in person: { $place } is { walk }.
talk-to-us-anywhere = We would like to put it right in person, at any information desk or with any steward.

# --- Sell ---------------------------------------------------------------------------------------------------------------

first-bite = Your first bite is 15% off: { $place }, { way }. Show this at the till.
first-bite-anywhere = Your first bite is 15% off at every stand today. Show this at the till.
family-bundle = Two kids' meals for one: { $place }, { way }.
family-bundle-anywhere = Two kids' meals for one, at every pizza, burger and hot dog stand today.
scarf = Wear the colours: 20% off scarves in { $place }, { walk }.
scarf-anywhere = Wear the colours: 20% off scarves in every fan shop today.
seat-upgrade = Better view? Seats on the half-way line are still free. Upgrade in the app until kick-off.

# --- Retain -------------------------------------------------------------------------------------------------------------

second-order = Thirsty? Your next drink is half price: { $place }, { way }.
second-order-anywhere = Thirsty? Your next drink is half price at every bar today.
favourite-again = The same again? { $place } is { way }.
favourite-again-anywhere = The same again? Order ahead in the app and skip the queue.
refill = { $place } has { wait } right now. Refills are { walk }.
next-match = Same again in two weeks? Take 10% off your next ticket tonight.
season-ticket = You are here so often: a season ticket would have paid for itself by now. See your seat in the app.

# --- Grow ---------------------------------------------------------------------------------------------------------------

install-app = Scan the code and get the app: it knows where the queues are short.
join-rewards = Join Riverside Rewards: every order counts, and today counts double.
reward-progress = You are on your way: 500 points are a free drink. See your balance in the app.
reward-drink = Your free drink is waiting: { $place }, { way }.
reward-drink-anywhere = Your free drink is waiting at any bar. Show your rewards card.
share-the-moment = What a day! Share your view of the match, and a friend gets in for half price.
bring-a-friend = Bring a friend next time: you both get 20% off.
how-was-it = How was it today? One question, ten seconds, and we read every answer.
