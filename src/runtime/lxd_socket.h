/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lxd_socket: where the daemon's socket is. The order is that of the client
 * programs `lxc` and `incus`:
 *
 *   LXD    $LXD_SOCKET, $LXD_DIR/unix.socket,
 *          /var/snap/lxd/common/lxd/unix.socket, /var/lib/lxd/unix.socket
 *   Incus  $INCUS_SOCKET, $INCUS_DIR/unix.socket,
 *          /run/incus/unix.socket, /var/lib/incus/unix.socket
 *
 * What the environment names is taken without a look. Of the usual places
 * the first that we may use is taken, else the first that is there.
 */
#pragma once

#include <stdbool.h>
#include "base/err.h"
#include "base/macros.h"

#define LXD_SOCKET_MAX 108 /* sun_path */

enum lxd_presence { LXD_ABSENT, LXD_PRESENT, LXD_USABLE };

/* What the search asks of the world; tests have one of their own. */
struct lxd_world {
	const char *(*env)(const struct lxd_world *world, const char *name);
	enum lxd_presence (*probe)(const struct lxd_world *world,
	                           const char *path);
};

extern const struct lxd_world lxd_real_world;

struct lxd_socket {
	char path[LXD_SOCKET_MAX];
	bool fell_back;  /* nothing is where it was configured */
	bool restricted; /* incus-user's: the project is user-UID */
};

/*
 * lxd_socket_find() - the socket to connect to now
 * @configured: a path, or NULL
 *
 * Returns 0; or -ENOENT naming every place looked at, or -ENAMETOOLONG.
 */
int lxd_socket_find(bool incus, const char *configured,
                    const struct lxd_world *world, struct lxd_socket *socket,
                    struct err *err) MUST_CHECK;
