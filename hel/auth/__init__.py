"""Who we are to an API: what signs a request, learns from its reply, and renews what was refused."""
