/* SPDX-License-Identifier: Apache-2.0 */
/*
 * own_container: the id of the container that we run in ourselves, so that we
 * are not the ones who restart it. Looked for, in this order, in
 *
 *   - the paths of our cgroups, of either version: ".../docker/ID",
 *     "docker-ID.scope", "libpod-ID.scope" (hidden where the cgroup namespace
 *     is our own, as it is by default with version 2);
 *   - what is mounted on /etc/hostname, resolv.conf and hosts: the engine puts
 *     files there from a directory that has the id in its name (proc(5),
 *     mountinfo);
 *   - the host name, which an engine makes of the id's first twelve digits
 *     unless told otherwise.
 *
 * Reads small files of the kernel's; blocks for a moment.
 */
#pragma once

#include "base/macros.h"

#define OWN_CONTAINER_ID_MAX 65 /* with its NUL */

struct own_container_files {
	const char *cgroup;    /* "/proc/self/cgroup" */
	const char *mountinfo; /* "/proc/self/mountinfo" */
	const char *hostname;  /* its value; NULL: none */
};

/* Fills @id with the whole id, or its first twelve digits, or "". What cannot
 * be read says nothing. */
void own_container_find(const struct own_container_files *files,
                        char id[static OWN_CONTAINER_ID_MAX]);
