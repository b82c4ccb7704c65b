"""How bytes arrive: libcurl, its address policy, and a scripted fake."""
