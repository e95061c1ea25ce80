here = You are on the floor.
nowhere = No hub has heard you.
