/* SPDX-License-Identifier: BSD-2-Clause */
/* The negotiation engine, key by key (RFC 7143 sections 6.2 and 13, RFC 7145 section 6). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "iscsi/negotiate.h"
#include "proto/opcode.h"

struct bench {
	struct negotiate_policy policy;
	struct negotiation negotiation;
	uint8_t answer[NEGOTIATE_TEXT_MAX];
	size_t answer_len;
	int status;
};

static void bench_init(struct bench *bench)
{
	uint32_t *ours = bench->policy.ours;

	memset(bench, 0, sizeof(*bench));
	bench->policy.max_recv_negotiated = true;
	ours[KEY_HEADER_DIGEST] = 3;
	ours[KEY_DATA_DIGEST] = 3;
	ours[KEY_MAX_RECV_DATA_SEGMENT_LENGTH] = 262144;
	ours[KEY_MAX_CONNECTIONS] = 1;
	ours[KEY_INITIAL_R2T] = 1;
	ours[KEY_IMMEDIATE_DATA] = 1;
	ours[KEY_MAX_BURST_LENGTH] = 1048576;
	ours[KEY_FIRST_BURST_LENGTH] = 65536;
	ours[KEY_MAX_OUTSTANDING_R2T] = 4;
	ours[KEY_DATA_PDU_IN_ORDER] = 1;
	ours[KEY_DATA_SEQUENCE_IN_ORDER] = 1;
	ours[KEY_DEFAULT_TIME2WAIT] = 2;
	ours[KEY_TASK_REPORTING] = 1u << REPORTING_RFC3720;
	ours[KEY_PROTOCOL_LEVEL] = 1;
	negotiate_init(&bench->negotiation, &bench->policy);
}

static int say(struct bench *bench, unsigned phase, const char *text, size_t len)
{
	struct cursor answer = cursor_writer(bench->answer, sizeof(bench->answer) - 1);

	bench->status = negotiate_text(&bench->negotiation, phase, text, len, &answer);
	bench->answer_len = cursor_offset(&answer);
	bench->answer[bench->answer_len] = 0;
	return bench->status;
}

/* The answer with blanks for NULs. */
static const char *answered(struct bench *bench)
{
	size_t i;

	for (i = 0; i + 1 < bench->answer_len; i++)
		if (bench->answer[i] == 0)
			bench->answer[i] = ' ';
	return (const char *)bench->answer;
}

/* OFFER alone in the operational stage is answered with ANSWER. */
static void expect(const char *offer, const char *answer)
{
	struct bench bench;

	bench_init(&bench);
	assert_int_equal(say(&bench, KEY_IN_OPERATIONAL, offer, strlen(offer) + 1), 0);
	assert_string_equal(answered(&bench), answer);
}

static void test_number__takes_the_smaller_or_the_larger(void **state)
{
	(void)state;
	expect("MaxBurstLength=512", "MaxBurstLength=512");
	expect("MaxBurstLength=1048576", "MaxBurstLength=1048576");
	expect("MaxBurstLength=1048577", "MaxBurstLength=1048576");
	expect("MaxBurstLength=16777215", "MaxBurstLength=1048576");
	expect("MaxBurstLength=0x200", "MaxBurstLength=512");
	expect("MaxConnections=8", "MaxConnections=1");
	expect("MaxOutstandingR2T=65535", "MaxOutstandingR2T=4");
	expect("MaxOutstandingR2T=1", "MaxOutstandingR2T=1");
	expect("DefaultTime2Wait=0", "DefaultTime2Wait=2");
	expect("DefaultTime2Wait=3600", "DefaultTime2Wait=3600");
	expect("DefaultTime2Retain=20", "DefaultTime2Retain=0");
	expect("ErrorRecoveryLevel=2", "ErrorRecoveryLevel=0");
	expect("iSCSIProtocolLevel=2", "iSCSIProtocolLevel=1");
	expect("iSCSIProtocolLevel=0", "iSCSIProtocolLevel=0");
}

static void test_number__out_of_range_is_rejected(void **state)
{
	(void)state;
	expect("MaxBurstLength=511", "MaxBurstLength=Reject");
	expect("MaxBurstLength=16777216", "MaxBurstLength=Reject");
	expect("MaxBurstLength=99999999999999999999", "MaxBurstLength=Reject");
	expect("MaxBurstLength=", "MaxBurstLength=Reject");
	expect("MaxBurstLength=-1", "MaxBurstLength=Reject");
	expect("MaxBurstLength=512K", "MaxBurstLength=Reject");
	expect("FirstBurstLength=0", "FirstBurstLength=Reject");
	expect("MaxConnections=0", "MaxConnections=Reject");
	expect("MaxConnections=65536", "MaxConnections=Reject");
	expect("MaxOutstandingR2T=0", "MaxOutstandingR2T=Reject");
	expect("DefaultTime2Wait=3601", "DefaultTime2Wait=Reject");
	expect("ErrorRecoveryLevel=3", "ErrorRecoveryLevel=Reject");
	expect("iSCSIProtocolLevel=32", "iSCSIProtocolLevel=Reject");
}

static void test_bool__or_and_and(void **state)
{
	(void)state;
	expect("InitialR2T=No", "InitialR2T=Yes");
	expect("InitialR2T=Yes", "InitialR2T=Yes");
	expect("ImmediateData=No", "ImmediateData=No");
	expect("ImmediateData=Yes", "ImmediateData=Yes");
	expect("DataPDUInOrder=No", "DataPDUInOrder=Yes");
	expect("DataSequenceInOrder=No", "DataSequenceInOrder=Yes");
	expect("InitialR2T=yes", "InitialR2T=Reject");
	expect("ImmediateData=1", "ImmediateData=Reject");
	expect("ImmediateData=", "ImmediateData=Reject");
}

/* Several connections and all kinds of TaskReporting would be fine, but not together. */
static void expect_both(const char *first, const char *second, const char *one, const char *other)
{
	struct bench bench;

	bench_init(&bench);
	bench.policy.ours[KEY_MAX_CONNECTIONS] = 8;
	bench.policy.ours[KEY_TASK_REPORTING] = 7;
	assert_int_equal(say(&bench, KEY_IN_OPERATIONAL, first, strlen(first) + 1), 0);
	assert_string_equal(answered(&bench), one);
	assert_int_equal(say(&bench, KEY_IN_OPERATIONAL, second, strlen(second) + 1), 0);
	assert_string_equal(answered(&bench), other);
}

static void test_list__takes_the_first_that_is_allowed(void **state)
{
	struct bench bench;

	(void)state;
	expect("HeaderDigest=CRC32C,None", "HeaderDigest=CRC32C");
	expect("HeaderDigest=None,CRC32C", "HeaderDigest=None");
	expect("DataDigest=CRC64,CRC32C", "DataDigest=CRC32C");
	expect("DataDigest=None", "DataDigest=None");
	expect("TaskReporting=FastAbort,RFC3720", "TaskReporting=RFC3720");
	expect("TaskReporting=FastAbort", "TaskReporting=Reject");
	expect_both("MaxConnections=4", "TaskReporting=FastAbort,RFC3720",
		    "MaxConnections=4", "TaskReporting=RFC3720");
	expect_both("MaxConnections=1", "TaskReporting=FastAbort,RFC3720",
		    "MaxConnections=1", "TaskReporting=FastAbort");
	expect_both("TaskReporting=ResponseFence", "MaxConnections=4",
		    "TaskReporting=ResponseFence", "MaxConnections=1");
	bench_init(&bench);
	bench.policy.ours[KEY_HEADER_DIGEST] = 1u << DIGEST_CRC32C;
	assert_int_equal(say(&bench, KEY_IN_OPERATIONAL, "HeaderDigest=None,CRC32C", 25), 0);
	assert_string_equal(answered(&bench), "HeaderDigest=CRC32C");
	assert_int_equal(bench.negotiation.value[KEY_HEADER_DIGEST], DIGEST_CRC32C);
}

static void test_list__nothing_in_common_fails_the_login(void **state)
{
	struct bench bench;

	(void)state;
	bench_init(&bench);
	assert_int_equal(say(&bench, KEY_IN_OPERATIONAL, "DataDigest=CRC64", 17),
			 ISCSI_LOGIN_INITIATOR_ERROR);
}

static void test_security__is_set_aside(void **state)
{
	static const char text[] = "CHAP_R=0x01\0AuthMethod=CHAP\0CHAP_N=me";
	struct bench bench;

	(void)state;
	bench_init(&bench);
	assert_int_equal(say(&bench, KEY_IN_SECURITY, text, sizeof(text)), 0);
	assert_string_equal(answered(&bench), "");
	/* AuthMethod, A, I, C, N, R. */
	assert_int_equal(bench.negotiation.security_present, 0x31);
	assert_string_equal(bench.negotiation.security[0].value, "CHAP");
	assert_string_equal(bench.negotiation.security[4].value, "me");
	assert_string_equal(bench.negotiation.security[5].value, "0x01");
	assert_int_equal(say(&bench, KEY_IN_SECURITY, "CHAP_I=1", 9), 0);
	assert_int_equal(bench.negotiation.security_present, 0x04);
	assert_int_equal(say(&bench, KEY_IN_OPERATIONAL, "CHAP_I=1", 9),
			 ISCSI_LOGIN_INITIATOR_ERROR);
	assert_int_equal(bench.negotiation.security_present, 0);
}

static void test_first_burst__not_above_max_burst_in_any_order(void **state)
{
	static const char a[] = "FirstBurstLength=65536\0MaxBurstLength=4096";
	static const char b[] = "MaxBurstLength=4096\0FirstBurstLength=65536";
	struct bench bench;

	(void)state;
	bench_init(&bench);
	say(&bench, KEY_IN_OPERATIONAL, a, sizeof(a));
	assert_int_equal(bench.negotiation.value[KEY_FIRST_BURST_LENGTH], 4096);
	bench_init(&bench);
	say(&bench, KEY_IN_OPERATIONAL, b, sizeof(b));
	assert_string_equal(answered(&bench), "MaxBurstLength=4096 FirstBurstLength=4096");
	/* The default too. */
	bench_init(&bench);
	say(&bench, KEY_IN_OPERATIONAL, "MaxBurstLength=4096", 20);
	assert_int_equal(negotiate_conclude(&bench.negotiation), 0);
	assert_int_equal(bench.negotiation.value[KEY_FIRST_BURST_LENGTH], 4096);
}

static void test_moot__is_irrelevant(void **state)
{
	static const char solicited[] =
		"FirstBurstLength=8192\0InitialR2T=Yes\0ImmediateData=No";
	static const char discovery[] =
		"SessionType=Discovery\0InitiatorName=iqn.2026-11.a:b\0MaxConnections=1\0"
		"InitialR2T=No\0MaxBurstLength=512\0HeaderDigest=None\0TaskReporting=RFC3720";
	struct bench bench;

	(void)state;
	bench_init(&bench);
	say(&bench, KEY_IN_OPERATIONAL, solicited, sizeof(solicited));
	assert_string_equal(answered(&bench),
			    "InitialR2T=Yes ImmediateData=No FirstBurstLength=Irrelevant");
	bench_init(&bench);
	assert_int_equal(say(&bench, KEY_IN_OPERATIONAL | KEY_ONCE_LEADING, discovery,
			     sizeof(discovery)), 0);
	assert_string_equal(answered(&bench),
			    "HeaderDigest=None MaxConnections=Irrelevant InitialR2T=Irrelevant "
			    "MaxBurstLength=Irrelevant TaskReporting=Irrelevant");
}

static void test_rdma__plain_and_extended(void **state)
{
	static const char text[] = "InitiatorRecvDataSegmentLength=262144\0RDMAExtensions=Yes\0"
				   "TargetRecvDataSegmentLength=8192\0iSERHelloRequired=No";
	struct bench bench;

	(void)state;
	bench_init(&bench);
	assert_int_equal(say(&bench, KEY_IN_OPERATIONAL, text, sizeof(text)), 0);
	assert_string_equal(answered(&bench),
			    "RDMAExtensions=No InitiatorRecvDataSegmentLength=Irrelevant "
			    "TargetRecvDataSegmentLength=Irrelevant");
	bench_init(&bench);
	bench.policy.ours[KEY_RDMA_EXTENSIONS] = 1;
	bench.policy.ours[KEY_INITIATOR_RECV_DATA_SEGMENT_LENGTH] = 0xffffff;
	bench.policy.ours[KEY_TARGET_RECV_DATA_SEGMENT_LENGTH] = 131072;
	assert_int_equal(say(&bench, KEY_IN_OPERATIONAL, text, sizeof(text)), 0);
	assert_string_equal(answered(&bench),
			    "RDMAExtensions=Yes InitiatorRecvDataSegmentLength=262144 "
			    "TargetRecvDataSegmentLength=8192");
}

/* Told to who tells; others may not know the key. */
static void test_rdma__unexpected_pdus(void **state)
{
	static const char yes[] = "RDMAExtensions=Yes\0MaxOutstandingUnexpectedPDUs=6";
	static const char no[] = "RDMAExtensions=No\0MaxOutstandingUnexpectedPDUs=6";
	struct bench bench;

	(void)state;
	bench_init(&bench);
	bench.policy.ours[KEY_RDMA_EXTENSIONS] = 1;
	bench.policy.ours[KEY_MAX_UNEXPECTED_PDUS] = 32;
	assert_int_equal(say(&bench, KEY_IN_OPERATIONAL | KEY_ONCE_LEADING, yes, sizeof(yes)), 0);
	assert_string_equal(answered(&bench),
			    "RDMAExtensions=Yes MaxOutstandingUnexpectedPDUs=32");
	bench_init(&bench);
	bench.policy.ours[KEY_MAX_UNEXPECTED_PDUS] = 32;
	assert_int_equal(say(&bench, KEY_IN_OPERATIONAL | KEY_ONCE_LEADING, no, sizeof(no)), 0);
	assert_string_equal(answered(&bench), "RDMAExtensions=No");
	bench_init(&bench);
	bench.policy.ours[KEY_RDMA_EXTENSIONS] = 1;
	assert_int_equal(say(&bench, KEY_IN_OPERATIONAL | KEY_ONCE_LEADING, yes, sizeof(yes)), 0);
	assert_string_equal(answered(&bench), "RDMAExtensions=Yes");
}

static void test_unknown__is_not_understood(void **state)
{
	(void)state;
	expect("X-com.example.Foo=1", "X-com.example.Foo=NotUnderstood");
	expect("maxburstlength=512", "maxburstlength=NotUnderstood");
	expect("Foo=NotUnderstood", "");
	expect("X#NodeArchitecture=linux", "");
	expect("OFMarker=Yes", "OFMarker=No");
	expect("IFMarker=No", "IFMarker=No");
	expect("IFMarkInt=2048~8192", "IFMarkInt=Reject");
	expect("OFMarkInt=2048", "OFMarkInt=Reject");
}

static void test_declared__is_not_answered(void **state)
{
	struct bench bench;

	(void)state;
	expect("MaxRecvDataSegmentLength=512", "");
	expect("MaxRecvDataSegmentLength=16777215", "");
	expect("InitiatorAlias=the machine", "");
	bench_init(&bench);
	assert_int_equal(say(&bench, KEY_IN_OPERATIONAL, "MaxRecvDataSegmentLength=511", 29),
			 ISCSI_LOGIN_INITIATOR_ERROR);
	bench_init(&bench);
	assert_int_equal(say(&bench, KEY_IN_OPERATIONAL, "MaxRecvDataSegmentLength=16777216", 34),
			 ISCSI_LOGIN_INITIATOR_ERROR);
}

static void test_errors__fail_with_a_reason(void **state)
{
	static const struct {
		unsigned phase;
		const char *text;
		size_t len;
		int status;
	} cases[] = {
#define CASE(phase, text, status) { phase, text, sizeof(text), status }
		CASE(KEY_IN_OPERATIONAL, "MaxBurstLength=512\0MaxBurstLength=1024",
		     ISCSI_LOGIN_INITIATOR_ERROR),
		CASE(KEY_IN_OPERATIONAL, "novalue", ISCSI_LOGIN_INITIATOR_ERROR),
		CASE(KEY_IN_OPERATIONAL, "=value", ISCSI_LOGIN_INITIATOR_ERROR),
		CASE(KEY_IN_OPERATIONAL, "TargetAlias=x", ISCSI_LOGIN_INITIATOR_ERROR),
		CASE(KEY_IN_OPERATIONAL, "TargetPortalGroupTag=1", ISCSI_LOGIN_INITIATOR_ERROR),
		CASE(KEY_IN_OPERATIONAL, "SendTargets=All", ISCSI_LOGIN_INITIATOR_ERROR),
		CASE(KEY_IN_OPERATIONAL, "InitiatorName=iqn.2026-11.a:b",
		     ISCSI_LOGIN_INITIATOR_ERROR),
		CASE(KEY_IN_OPERATIONAL | KEY_ONCE_LEADING, "InitiatorName=nobody",
		     ISCSI_LOGIN_INITIATOR_ERROR),
		CASE(KEY_IN_OPERATIONAL | KEY_ONCE_LEADING, "TargetName=nobody",
		     ISCSI_LOGIN_NOT_FOUND),
		CASE(KEY_IN_OPERATIONAL | KEY_ONCE_LEADING, "SessionType=Strange",
		     ISCSI_LOGIN_SESSION_TYPE_NOT_SUPPORTED),
		CASE(KEY_IN_OPERATIONAL, "MaxBurstLength=Irrelevant", ISCSI_LOGIN_INITIATOR_ERROR),
		{ KEY_IN_OPERATIONAL, "MaxBurstLength=512", 18, ISCSI_LOGIN_INITIATOR_ERROR },
	};
	struct bench bench;
	unsigned i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		bench_init(&bench);
		assert_int_equal(say(&bench, cases[i].phase, cases[i].text, cases[i].len),
				 cases[i].status);
		assert_int_not_equal(bench.negotiation.error[0], 0);
	}
}

static void test_twice__over_two_requests(void **state)
{
	struct bench bench;

	(void)state;
	bench_init(&bench);
	assert_int_equal(say(&bench, KEY_IN_OPERATIONAL, "MaxBurstLength=512", 19), 0);
	assert_int_equal(say(&bench, KEY_IN_OPERATIONAL, "MaxBurstLength=512", 19),
			 ISCSI_LOGIN_INITIATOR_ERROR);
}

static void test_phase__wrong_one_is_rejected(void **state)
{
	struct bench bench;

	(void)state;
	bench_init(&bench);
	assert_int_equal(say(&bench, KEY_IN_SECURITY, "MaxBurstLength=512", 19), 0);
	assert_string_equal(answered(&bench), "MaxBurstLength=Reject");
	bench_init(&bench);
	assert_int_equal(say(&bench, KEY_IN_FULL_FEATURE, "HeaderDigest=CRC32C", 20), 0);
	assert_string_equal(answered(&bench), "HeaderDigest=Reject");
	assert_int_equal(say(&bench, KEY_IN_OPERATIONAL, "AuthMethod=None", 16), 0);
	assert_string_equal(answered(&bench), "AuthMethod=Reject");
}

static void test_bounds__pairs_and_bytes(void **state)
{
	static char many[NEGOTIATE_TEXT_MAX * 2];
	struct bench bench;
	size_t len = 0;
	unsigned i;

	(void)state;
	for (i = 0; i < NEGOTIATE_PAIRS_MAX; i++)
		len += (size_t)sprintf(many + len, "K%u=", i) + 1;
	bench_init(&bench);
	assert_int_equal(say(&bench, KEY_IN_OPERATIONAL, many, len), 0);
	len += (size_t)sprintf(many + len, "Last=") + 1;
	bench_init(&bench);
	assert_int_equal(say(&bench, KEY_IN_OPERATIONAL, many, len), ISCSI_LOGIN_OUT_OF_RESOURCES);
}

static void test_offer__what_the_default_would_exceed(void **state)
{
	static const char answers[] = "FirstBurstLength=4096\0ImmediateData=No";
	struct bench bench;
	struct cursor cursor;
	uint8_t text[512] = { 0 };

	(void)state;
	bench_init(&bench);
	cursor = cursor_writer(text, sizeof(text));
	assert_int_equal(negotiate_offer(&bench.negotiation, &cursor), 0);
	bench.policy.ours[KEY_DATA_DIGEST] = 1u << DIGEST_CRC32C;
	bench.policy.ours[KEY_FIRST_BURST_LENGTH] = 8192;
	assert_int_equal(negotiate_offer(&bench.negotiation, &cursor), 2);
	assert_string_equal((char *)text, "DataDigest=CRC32C");
	assert_string_equal((char *)text + 18, "FirstBurstLength=8192");
	assert_int_equal(negotiate_conclude(&bench.negotiation), ISCSI_LOGIN_INITIATOR_ERROR);
	/* Once offered it is not offered again. */
	assert_int_equal(negotiate_offer(&bench.negotiation, &cursor), 0);
	assert_int_equal(say(&bench, KEY_IN_OPERATIONAL, answers, sizeof(answers)), 0);
	assert_string_equal(answered(&bench), "ImmediateData=No");
	assert_int_equal(bench.negotiation.value[KEY_FIRST_BURST_LENGTH], 4096);
	assert_int_equal(say(&bench, KEY_IN_OPERATIONAL, "DataDigest=Reject", 18), 0);
	/* What is required and was refused fails in the end. */
	assert_int_equal(negotiate_conclude(&bench.negotiation), ISCSI_LOGIN_INITIATOR_ERROR);
}

static void test_offer__answer_beyond_it_fails(void **state)
{
	struct bench bench;
	struct cursor cursor;
	uint8_t text[512];

	(void)state;
	bench_init(&bench);
	bench.policy.ours[KEY_FIRST_BURST_LENGTH] = 8192;
	cursor = cursor_writer(text, sizeof(text));
	assert_int_equal(negotiate_offer(&bench.negotiation, &cursor), 1);
	assert_int_equal(say(&bench, KEY_IN_OPERATIONAL, "FirstBurstLength=16384", 23),
			 ISCSI_LOGIN_INITIATOR_ERROR);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_number__takes_the_smaller_or_the_larger),
		cmocka_unit_test(test_number__out_of_range_is_rejected),
		cmocka_unit_test(test_bool__or_and_and),
		cmocka_unit_test(test_list__takes_the_first_that_is_allowed),
		cmocka_unit_test(test_list__nothing_in_common_fails_the_login),
		cmocka_unit_test(test_security__is_set_aside),
		cmocka_unit_test(test_first_burst__not_above_max_burst_in_any_order),
		cmocka_unit_test(test_moot__is_irrelevant),
		cmocka_unit_test(test_rdma__plain_and_extended),
		cmocka_unit_test(test_rdma__unexpected_pdus),
		cmocka_unit_test(test_unknown__is_not_understood),
		cmocka_unit_test(test_declared__is_not_answered),
		cmocka_unit_test(test_errors__fail_with_a_reason),
		cmocka_unit_test(test_twice__over_two_requests),
		cmocka_unit_test(test_phase__wrong_one_is_rejected),
		cmocka_unit_test(test_bounds__pairs_and_bytes),
		cmocka_unit_test(test_offer__what_the_default_would_exceed),
		cmocka_unit_test(test_offer__answer_beyond_it_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
