hello = Hello!
tea = Tea at { $place }, { $walk } min
