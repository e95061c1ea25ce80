hello = ¡Hola!
tea = Té en { $place }, { $walk } min
