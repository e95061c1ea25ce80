# Lo que dice el Estadio Riverside, en español. Los comentarios están en en.ftl.

# --- Partes -----------------------------------------------------------------------------------------------------------

walk = { $walk ->
    [one] a un minuto
   *[other] a { $walk } minutos
}
wait = { $wait ->
    [0] sin cola
    [one] un minuto de espera
   *[other] unos { $wait } minutos de espera
}
way = { walk }, { wait }

# --- Cómo llegar: comida ------------------------------------------------------------------------------------------------

nearest-food = Lo más rápido para comer: { $place }, { way }. { $level }.
nearest-food-anywhere = Hay puestos de comida en casi todos los sectores de los dos pasillos. Mira en el mapa dónde hay menos cola.
nearest-burgers = Hamburguesas: { $place }, { way }. { $level }.
nearest-burgers-anywhere = Hay hamburguesas en los dos pasillos. Mira en el mapa dónde hay menos cola.
nearest-pizza = Pizza: { $place }, { way }. { $level }.
nearest-pizza-anywhere = Hay pizza en los dos pasillos. Mira en el mapa dónde hay menos cola.
nearest-mexican = Tacos y más: { $place }, { way }. { $level }.
nearest-mexican-anywhere = Hay puestos mexicanos en los dos pasillos. Mira en el mapa dónde hay menos cola.
nearest-asian = Fideos y curry: { $place }, { way }. { $level }.
nearest-asian-anywhere = Hay fideos y curry en los dos pasillos. Mira en el mapa dónde hay menos cola.
nearest-grill = A la parrilla: { $place }, { way }. { $level }.
nearest-grill-anywhere = Hay barbacoa y pollo en los dos pasillos. Mira en el mapa dónde hay menos cola.
nearest-hot-dogs = Perritos y patatas: { $place }, { way }. { $level }.
nearest-hot-dogs-anywhere = Hay perritos y patatas en los dos pasillos. Mira en el mapa dónde hay menos cola.
nearest-fish = Pescado: { $place }, { way }. { $level }.
nearest-fish-anywhere = Hay pescado frito en el pasillo. Mira en el mapa dónde.
nearest-vegan = Sin carne: { $place }, { way }. { $level }.
nearest-vegan-anywhere = Los puestos sin carne llevan una hoja verde. Mira en el mapa dónde hay menos cola.
nearest-sweets = Algo dulce: { $place }, { way }. { $level }.
nearest-sweets-anywhere = Hay helados y dulces en los dos pasillos. Mira en el mapa dónde hay menos cola.

# --- Cómo llegar: bebidas -----------------------------------------------------------------------------------------------

nearest-drink = Donde antes te sirven: { $place }, { way }. { $level }.
nearest-drink-anywhere = Hay bares en los dos pasillos. Mira en el mapa dónde hay menos cola.
nearest-beer = Cerveza y sidra: { $place }, { way }. { $level }.
nearest-beer-anywhere = Hay cerveza y sidra en los dos pasillos. Lleva tu documento de identidad.
nearest-coffee = Café y té: { $place }, { way }. { $level }.
nearest-coffee-anywhere = Hay café y té en los dos pasillos. Mira en el mapa dónde hay menos cola.
nearest-soft-drink = Refrescos: { $place }, { way }. { $level }.
nearest-soft-drink-anywhere = Hay refrescos en todos los bares. Mira en el mapa dónde hay menos cola.

# --- Cómo llegar: servicios y salidas -----------------------------------------------------------------------------------

nearest-restroom = { $place }: { way }.
nearest-restroom-anywhere = Hay aseos junto a uno de cada dos túneles, en los dos pasillos.
nearest-accessible-restroom = { $place }, sin escalones: { way }.
nearest-first-aid = Primeros auxilios { walk }: { $place }, { $level }. En una emergencia, avisa a cualquier auxiliar.
nearest-first-aid-anywhere = Hay primeros auxilios en los dos pasillos. Avisa a cualquier auxiliar: la ayuda irá hasta ti.
nearest-information = { $place }: { way }.
nearest-information-anywhere = Hay puntos de información en los dos pasillos, y cualquier auxiliar puede ayudarte.
lost-and-found = ¿Has perdido algo, o a alguien? Te ayudan en { $place }: { way }.
nearest-shop = { $place }: { way }. { $level }.
nearest-shop-anywhere = Hay tiendas en los dos pasillos.
nearest-exit = Tu salida más rápida es la { $place }, { walk }.
nearest-exit-anywhere = Las puertas A a H están en el nivel inferior.
egress = ¿Te vas? La { $place } está { walk } y va fluida. ¡Buen viaje a casa!

# --- Atención -----------------------------------------------------------------------------------------------------------

welcome = ¡Te damos la bienvenida a Riverside! Pregúntanos por comida, aseos o el camino cuando quieras.
beat-the-rush = Adelántate al descanso: { $place }, { way }.
allow-offers = Solo enviamos ofertas a quien las quiere. Actívalas en tu perfil.
back-to-your-seat = ¡Te estás perdiendo el partido! Tu sección está señalizada desde todos los sectores.
leave-this-queue = Hay una cola más rápida: { $place }, { way }.
sorry = Sentimos que hoy no haya sido el día que mereces. Enseña este mensaje en cualquier punto de información y lo arreglamos.
talk-to-us = Queremos arreglarlo en persona: { $place }, { walk }.
talk-to-us-anywhere = Queremos arreglarlo en persona, en cualquier punto de información o con cualquier auxiliar.

# --- Vender -------------------------------------------------------------------------------------------------------------

first-bite = Tu primer bocado, con un 15 % de descuento: { $place }, { way }. Enseña esto en caja.
first-bite-anywhere = Tu primer bocado de hoy, con un 15 % de descuento en todos los puestos. Enseña esto en caja.
family-bundle = Dos menús infantiles por el precio de uno: { $place }, { way }.
family-bundle-anywhere = Hoy, dos menús infantiles por el precio de uno en pizza, hamburguesas y perritos.
scarf = Lleva los colores: bufandas con un 20 % de descuento en { $place }, { walk }.
scarf-anywhere = Lleva los colores: hoy, bufandas con un 20 % de descuento en todas las tiendas.
seat-upgrade = ¿Quieres ver mejor? Quedan asientos en el centro del campo. Cambia el tuyo en la app antes del inicio.

# --- Volver -------------------------------------------------------------------------------------------------------------

second-order = ¿Tienes sed? Tu próxima bebida, a mitad de precio: { $place }, { way }.
second-order-anywhere = ¿Tienes sed? Hoy, tu próxima bebida a mitad de precio en todos los bares.
favourite-again = ¿Lo mismo de siempre? { $place } está { way }.
favourite-again-anywhere = ¿Lo mismo de siempre? Pídelo en la app y sáltate la cola.
refill = { $place }, ahora mismo: { way }.
next-match = ¿Repetimos en dos semanas? Esta noche, tu próxima entrada con un 10 % de descuento.
season-ticket = Vienes tanto que un abono ya se habría pagado solo. Mira tu asiento en la app.

# --- Crecer -------------------------------------------------------------------------------------------------------------

install-app = Escanea el código y llévate la app: sabe dónde hay menos cola.
join-rewards = Únete a Riverside Rewards: cada pedido suma, y hoy suma el doble.
reward-progress = Vas por buen camino: con 500 puntos, una bebida gratis. Mira tu saldo en la app.
reward-drink = Tu bebida gratis te espera: { $place }, { way }.
reward-drink-anywhere = Tu bebida gratis te espera en cualquier bar. Enseña tu tarjeta.
share-the-moment = ¡Qué día! Comparte tu vista del partido y un amigo entra a mitad de precio.
bring-a-friend = La próxima vez, ven con alguien: los dos tenéis un 20 % de descuento.
how-was-it = ¿Qué tal hoy? Una pregunta, diez segundos, y leemos todas las respuestas.
