/* SPDX-License-Identifier: Apache-2.0 */
#include "io/unix_group.h"

#include <errno.h>
#include <grp.h>
#include "base/mem.h"
#include "base/number.h"

#define ENTRY_MAX 1048576 /* bytes of a group with all its members */

int unix_group_find(const char *name, uint32_t *gidp)
{
	struct group entry;
	struct group *found = NULL;
	uint64_t number;
	int r = ERANGE;

	for (size_t size = 1024; r == ERANGE && size <= ENTRY_MAX; size *= 4) {
		char *bytes = mem_alloc(size);

		if (!bytes)
			return -ENOMEM;
		r = getgrnam_r(name, &entry, bytes, size, &found);
		if (found)
			*gidp = entry.gr_gid;
		mem_free(bytes);
	}
	if (found)
		return 0;
	/* a group that has no name here, as in a container */
	if (number_parse_u64(slice_from(name), &number) == 0 &&
	    number < UINT32_MAX) {
		*gidp = (uint32_t)number;
		return 0;
	}
	return r > 0 ? -r : -ENOENT;
}
