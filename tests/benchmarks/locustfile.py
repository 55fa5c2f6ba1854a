"""What Locust runs, in an environment of its own that has Locust and not this package."""

from locust import FastHttpUser, constant, task


class Visitor(FastHttpUser):
    """Asks for the root as fast as it is answered."""

    wait_time = constant(0)
    insecure = True

    @task
    def root(self) -> None:
        self.client.get("/")
