// Tells LeakSanitizer which leaks are not ours to mend.

extern "C" {
// c-ares, gRPC's resolver, keeps a channel's sort list when a channel closes during a lookup of a host name.
const char* __lsan_default_suppressions() { return "leak:libcares.so\n"; }
}
