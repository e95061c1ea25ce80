# Lo que dice el museo, en español.

walk = { $walk ->
    [one] a un minuto
   *[other] a { $walk } minutos
}
wait = { $wait ->
    [0] sin cola
    [one] un minuto de espera
   *[other] unos { $wait } minutos de espera
}

place = { $place }, { $level }: { walk }.
ask-us = Pregúntanos: quien lleve un delantal azul te acompaña.
next-exhibit = Lo siguiente, { walk }: { $place }.
next-exhibit-anywhere = Hay doce piezas que no te puedes perder. Empieza por cualquiera de las salas.
cafe = { $place }: { walk }, { wait }.
cafe-anywhere = La cafetería está en la planta baja.
exit = La salida está { walk }. Gracias por venir.
exit-anywhere = La salida está en la planta baja, junto a la tienda.
museum-shop = Llévate algo hecho a mano: { $place }, { walk }.
museum-shop-anywhere = Llévate algo hecho a mano: la tienda está junto a la salida.
children-trail = Sigue al engranaje: diez pistas para pequeñas manos curiosas.
become-a-friend = Ya conoces la casa: hazte amigo del museo y entra gratis todo el año.
share = ¿Te ha gustado? Comparte esta pieza con alguien que la entienda.
