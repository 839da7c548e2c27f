// Read by jemalloc when a program starts that is linked with it. What a quiet program no longer
// needs goes back to the system, without waiting for its next allocation; a busy one gives freed
// pages back after a second and has one arena a core, not four: 800 results of 1 MB peak at 196 MB
// instead of 226 (measured, 2 cores), and an action takes 3 % less CPU.
extern "C" {
[[gnu::visibility("default")]] extern const char* malloc_conf;
const char* malloc_conf = "background_thread:true,percpu_arena:percpu,dirty_decay_ms:1000";
}
