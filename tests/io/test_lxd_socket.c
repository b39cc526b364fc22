/* SPDX-License-Identifier: Apache-2.0 */
/* Where the daemon's socket is: the world as a table of what exists. */
#include "support/cmocka.h"

#include <errno.h>
#include <string.h>
#include "runtime/lxd_socket.h"

#define SNAP      "/var/snap/lxd/common/lxd/unix.socket"
#define DEB       "/var/lib/lxd/unix.socket"
#define RUN       "/run/incus/unix.socket"
#define INCUS     "/var/lib/incus/unix.socket"
#define MAX_THERE 3

/* "K=V" is an environment variable; a path is there, and with a '!' before
 * it, it is but may not be used. */
struct world {
	struct lxd_world base;
	const char *const *there;
};

static const char *env_of(const struct lxd_world *base, const char *name)
{
	const struct world *world = container_of(base, struct world, base);
	size_t n = strlen(name);

	for (size_t i = 0; i < MAX_THERE && world->there[i]; i++)
		if (strncmp(world->there[i], name, n) == 0 &&
		    world->there[i][n] == '=')
			return world->there[i] + n + 1;
	return NULL;
}

static enum lxd_presence probe_of(const struct lxd_world *base,
                                  const char *path)
{
	const struct world *world = container_of(base, struct world, base);

	for (size_t i = 0; i < MAX_THERE && world->there[i]; i++) {
		if (strcmp(world->there[i], path) == 0)
			return LXD_USABLE;
		if (world->there[i][0] == '!' &&
		    strcmp(world->there[i] + 1, path) == 0)
			return LXD_PRESENT;
	}
	return LXD_ABSENT;
}

static void test_find(void **state)
{
	static const struct {
		bool incus;
		const char *configured;
		const char *there[MAX_THERE];
		const char *path; /* NULL: -ENOENT */
		bool fell_back;
		bool restricted;
	} rows[] = {
		/* nothing configured */
		{ false, NULL, { SNAP, DEB }, SNAP, false, false },
		{ false, NULL, { DEB }, DEB, false, false },
		{ false, NULL, { "!" SNAP, DEB }, DEB, false, false },
		{ false, NULL, { "!" SNAP }, SNAP, false, false },
		{ false, NULL, { "!" SNAP, "!" DEB }, SNAP, false, false },
		{ false, NULL, { 0 }, NULL, false, false },
		{ false, NULL, { RUN }, NULL, false, false },
		/* the environment is believed */
		{ false, NULL, { "LXD_SOCKET=/s", SNAP }, "/s", false, false },
		{ false, NULL, { "LXD_SOCKET=", DEB }, DEB, false, false },
		{ false,
		  NULL,
		  { "LXD_DIR=/d", SNAP },
		  "/d/unix.socket",
		  false,
		  false },
		{ false,
		  NULL,
		  { "LXD_DIR=/d", "LXD_SOCKET=/s" },
		  "/s",
		  false,
		  false },
		{ false, NULL, { "INCUS_SOCKET=/s", DEB }, DEB, false, false },
		{ true, NULL, { "INCUS_SOCKET=/s" }, "/s", false, false },
		{ true,
		  NULL,
		  { "INCUS_DIR=/d" },
		  "/d/unix.socket",
		  false,
		  false },
		/* configured, and the environment is not asked */
		{ false, "/x", { SNAP, "LXD_SOCKET=/s" }, "/x", false, false },
		{ false, SNAP, { SNAP, DEB }, SNAP, false, false },
		{ false, SNAP, { "!" SNAP, DEB }, SNAP, false, false },
		{ false, SNAP, { DEB }, DEB, true, false },
		{ false, DEB, { SNAP }, SNAP, true, false },
		{ false, SNAP, { 0 }, SNAP, false, false },
		{ false, SNAP, { INCUS }, SNAP, false, false },
		/* Incus, with the socket for everybody */
		{ true, NULL, { RUN, INCUS }, RUN, false, false },
		{ true, NULL, { INCUS }, INCUS, false, false },
		{ true,
		  NULL,
		  { "!" INCUS, INCUS ".user" },
		  INCUS ".user",
		  false,
		  true },
		{ true, NULL, { INCUS, INCUS ".user" }, INCUS, false, false },
		{ true,
		  NULL,
		  { "!" INCUS, "!" INCUS ".user" },
		  INCUS,
		  false,
		  false },
		{ false, NULL, { "!" DEB, DEB ".user" }, DEB, false, false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct world world = { { env_of, probe_of }, rows[i].there };
		struct lxd_socket socket;
		struct err err = { 0 };
		int r = lxd_socket_find(rows[i].incus, rows[i].configured,
		                        &world.base, &socket, &err);

		if (!rows[i].path) {
			assert_int_equal(r, -ENOENT);
			assert_non_null(strstr(err.message, DEB));
			continue;
		}
		if (r != 0 || strcmp(socket.path, rows[i].path) != 0 ||
		    socket.fell_back != rows[i].fell_back ||
		    socket.restricted != rows[i].restricted)
			fail_msg("row %zu: %d %s %s", i, r, socket.path,
			         err.message);
	}
}

static void test_too_long(void **state)
{
	static const char *const there[MAX_THERE] = { NULL };
	struct world world = { { env_of, probe_of }, there };
	struct lxd_socket socket;
	struct err err;
	char path[LXD_SOCKET_MAX + 1];

	memset(path, 'x', sizeof(path));
	path[LXD_SOCKET_MAX] = '\0';
	assert_int_equal(
		lxd_socket_find(false, path, &world.base, &socket, &err),
		-ENAMETOOLONG);
	path[LXD_SOCKET_MAX - 1] = '\0';
	assert_int_equal(
		lxd_socket_find(false, path, &world.base, &socket, &err), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_find),
		cmocka_unit_test(test_too_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
