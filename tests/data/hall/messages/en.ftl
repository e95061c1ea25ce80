eat = { $place }: { $walk } min to walk, { $wait } min to wait.
eat-anywhere = There is a grill at each end of the hall.
queue = You are in the queue.
