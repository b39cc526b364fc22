/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/lxd_socket.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define N_USUAL 2

struct engine {
	const char *socket_env;
	const char *dir_env;
	const char *usual[N_USUAL];
	bool has_user_socket;
};

static const struct engine engines[] = {
	{ "LXD_SOCKET",
	  "LXD_DIR",
	  { "/var/snap/lxd/common/lxd/unix.socket",
	    "/var/lib/lxd/unix.socket" },
	  false },
	{ "INCUS_SOCKET",
	  "INCUS_DIR",
	  { "/run/incus/unix.socket", "/var/lib/incus/unix.socket" },
	  true },
};

static int take(struct lxd_socket *socket, const char *path, const char *suffix,
                struct err *err)
{
	size_t n = strlen(path);

	if (n + strlen(suffix) >= sizeof(socket->path))
		return err_set(err, -ENAMETOOLONG,
		               "the socket's path is too long: %s%s", path,
		               suffix);
	memcpy(socket->path, path, n);
	memcpy(socket->path + n, suffix, strlen(suffix) + 1);
	return 0;
}

static const char *env(const struct lxd_world *world, const char *name)
{
	const char *value = world->env(world, name);

	return value && value[0] ? value : NULL;
}

/* NULL if there is nothing at any of them. */
static const char *find_usual(const struct engine *engine,
                              const struct lxd_world *world)
{
	const char *present = NULL;

	for (size_t i = 0; i < N_USUAL; i++) {
		enum lxd_presence presence =
			world->probe(world, engine->usual[i]);

		if (presence == LXD_USABLE)
			return engine->usual[i];
		if (presence == LXD_PRESENT && !present)
			present = engine->usual[i];
	}
	return present;
}

static bool is_usual(const struct engine *engine, const char *path)
{
	for (size_t i = 0; i < N_USUAL; i++) {
		if (strcmp(engine->usual[i], path) == 0)
			return true;
	}
	return false;
}

/* Who is not in the administrators' group may have a socket beside it. */
static void try_user_socket(const struct lxd_world *world,
                            struct lxd_socket *socket)
{
	struct lxd_socket user = { .restricted = true };

	if (world->probe(world, socket->path) != LXD_PRESENT)
		return;
	if (take(&user, socket->path, ".user", NULL) == 0 &&
	    world->probe(world, user.path) == LXD_USABLE)
		*socket = user;
}

static int find_unconfigured(const struct engine *engine,
                             const struct lxd_world *world,
                             struct lxd_socket *socket, struct err *err)
{
	const char *path = env(world, engine->socket_env);
	int r;

	if (path)
		return take(socket, path, "", err);
	path = env(world, engine->dir_env);
	if (path) {
		r = take(socket, path, "/unix.socket", err);
	} else {
		path = find_usual(engine, world);
		if (!path)
			return err_set(err, -ENOENT,
			               "no socket: neither %s nor %s exists, "
			               "and %s is not set",
			               engine->usual[0], engine->usual[1],
			               engine->socket_env);
		r = take(socket, path, "", err);
	}
	if (r == 0 && engine->has_user_socket)
		try_user_socket(world, socket);
	return r;
}

int lxd_socket_find(bool incus, const char *configured,
                    const struct lxd_world *world, struct lxd_socket *socket,
                    struct err *err)
{
	const struct engine *engine = &engines[incus];
	const char *other;

	*socket = (struct lxd_socket){ 0 };
	if (!configured)
		return find_unconfigured(engine, world, socket, err);
	if (is_usual(engine, configured) &&
	    world->probe(world, configured) == LXD_ABSENT) {
		other = find_usual(engine, world);
		socket->fell_back = other != NULL;
		configured = other ? other : configured;
	}
	return take(socket, configured, "", err);
}

/* --- the real one ------------------------------------------------------- */

static const char *real_env(const struct lxd_world *world, const char *name)
{
	return getenv(name);
}

static enum lxd_presence real_probe(const struct lxd_world *world,
                                    const char *path)
{
	if (access(path, W_OK) == 0)
		return LXD_USABLE;
	/* anything but "not there" is worth a connect, and its error */
	return errno == ENOENT || errno == ENOTDIR ? LXD_ABSENT : LXD_PRESENT;
}

const struct lxd_world lxd_real_world = { real_env, real_probe };
