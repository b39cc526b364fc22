/* SPDX-License-Identifier: Apache-2.0 */
/* own_container: the id is found wherever an engine leaves it, and not taken
 * from what a host shows of others. */
#include "support/cmocka.h"
#include "io/own_container.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define A       "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define B       "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210"
#define MISSING "/nonexistent/own"

static void write_file(char *path, const char *text)
{
	size_t n = strlen(text);
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, n), n);
	assert_int_equal(close(fd), 0);
}

static void expect(const char *cgroup, const char *mountinfo,
                   const char *hostname, const char *expected)
{
	char paths[2][32] = { "/tmp/bouncer-own-XXXXXX",
		              "/tmp/bouncer-own-XXXXXX" };
	struct own_container_files files = {
		.cgroup = cgroup ? paths[0] : MISSING,
		.mountinfo = mountinfo ? paths[1] : MISSING,
		.hostname = hostname,
	};
	char id[OWN_CONTAINER_ID_MAX];

	memset(id, 'x', sizeof(id));
	if (cgroup)
		write_file(paths[0], cgroup);
	if (mountinfo)
		write_file(paths[1], mountinfo);
	own_container_find(&files, id);
	if (cgroup)
		assert_int_equal(unlink(paths[0]), 0);
	if (mountinfo)
		assert_int_equal(unlink(paths[1]), 0);
	assert_string_equal(id, expected);
}

static void test_cgroup(void **state)
{
	(void)state;
	expect("12:pids:/docker/" A "\n1:name=systemd:/docker/" A "\n", NULL,
	       NULL, A);
	expect("0::/system.slice/docker-" A ".scope\n", NULL, NULL, A);
	expect("0::/machine.slice/libpod-" A ".scope/container\n", NULL, NULL,
	       A);
	/* the inner one */
	expect("0::/docker/" B "/docker/" A "\n", NULL, "web", A);
	/* longer and shorter runs of digits are no ids */
	expect("0::/docker/" A "0\n0::/docker/0123456789ab\n", NULL, NULL, "");
	expect("0::/docker/" A, NULL, NULL, A);
	expect("0::/user.slice/user-0.slice/session-1.scope\n", NULL, NULL, "");
}

static void test_mounts(void **state)
{
	(void)state;
	expect("0::/\n",
	       "500 499 0:28 / / rw - overlay overlay rw\n"
	       "510 500 8:1 /var/lib/docker/containers/" A
	       "/resolv.conf /etc/resolv.conf rw - ext4 /dev/sda1 rw\n",
	       "web", A);
	expect("0::/\n",
	       "510 500 0:25 /containers/storage/overlay-containers/" A
	       "/userdata/hostname /etc/hostname rw - tmpfs tmpfs rw\n",
	       NULL, A);
	/* on a host: of its containers */
	expect("0::/init.scope\n",
	       "510 500 0:9 / /var/lib/docker/containers/" A
	       "/mounts/shm rw - tmpfs shm rw\n"
	       "511 500 8:1 /etc/hosts.d /etc/hosts rw - ext4 /dev/sda1 rw\n",
	       "machine", "");
	/* lines that are no lines */
	expect("", "\n \n    /etc/hosts\n510 500 8:1\n", NULL, "");
}

static void test_host_name(void **state)
{
	(void)state;
	expect("0::/\n", "", "0123456789ab", "0123456789ab");
	expect(NULL, NULL, "0123456789ab", "0123456789ab");
	expect(NULL, NULL, "0123456789abc", "");
	expect(NULL, NULL, "0123456789aB", "");
	expect(NULL, NULL, "web", "");
	expect(NULL, NULL, "", "");
	expect(NULL, NULL, NULL, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cgroup),
		cmocka_unit_test(test_mounts),
		cmocka_unit_test(test_host_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
