// Read by jemalloc when a program starts that is linked with it: what a quiet program no longer
// needs goes back to the system, without waiting for its next allocation.
extern "C" {
[[gnu::visibility("default")]] extern const char* malloc_conf;
const char* malloc_conf = "background_thread:true";
}
