# What the museum says, in English.

walk = { $walk ->
    [one] a minute away
   *[other] { $walk } minutes away
}
wait = { $wait ->
    [0] no queue
    [one] about a minute to wait
   *[other] about { $wait } minutes to wait
}

place = { $place }, { $level }: { walk }.
ask-us = Ask us: anybody in a blue apron will take you there.
next-exhibit = Next, { walk }: { $place }.
next-exhibit-anywhere = Twelve pieces are not to be missed. Start in any room.
cafe = { $place }: { walk }, { wait }.
cafe-anywhere = The cafe is on the ground floor.
exit = The way out is { walk }. Thank you for coming.
exit-anywhere = The way out is on the ground floor, beside the shop.
museum-shop = Take home something made by hand: { $place }, { walk }.
museum-shop-anywhere = Take home something made by hand: the shop is beside the way out.
children-trail = Follow the cogwheel: ten clues for small and curious hands.
become-a-friend = You know the house: become a friend of the museum, and all year is free.
share = Did you like it? Share this piece with somebody who would.
