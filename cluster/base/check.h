/* cluster/base/check.h -- Assertions that stay on in every build.
 *
 * CHECK is for our own mistakes only: a broken precondition or invariant. No byte from a player, a
 * peer or a disk may decide a CHECK; what the world does wrong is an `enum status`. */
#ifndef CAIRN_CLUSTER_BASE_CHECK_H
#define CAIRN_CLUSTER_BASE_CHECK_H

/* Prints the condition and its place to stderr and aborts. */
_Noreturn void check_failed(const char *condition, const char *file, int line);

#define CHECK(condition) ((condition) ? (void)0 : check_failed(#condition, __FILE__, __LINE__))

/* A place that cannot be reached, such as the default of a switch over our own enum. */
#define UNREACHABLE() check_failed("unreachable", __FILE__, __LINE__)

#endif
