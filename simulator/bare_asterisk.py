"""What does an Asterisk read that only speaks SIP and follows a dialplan? The caller of tests and benchmarks."""

#: What SIP over UDP, alaw, prompts and keys need.
_MODULES = """
res_timing_timerfd res_sorcery_config res_sorcery_memory res_sorcery_astdb res_pjproject res_pjsip
res_pjsip_session res_pjsip_pubsub res_pjsip_sdp_rtp res_pjsip_caller_id res_pjsip_rfc3326 res_rtp_asterisk
chan_pjsip codec_alaw codec_resample format_wav format_pcm pbx_config app_read app_stack app_userevent
"""
_PJSIP = """\
[udp]
type=transport
protocol=udp
bind=127.0.0.1:{port}
[media](!)
type=endpoint
transport=udp
disallow=all
allow=alaw
direct_media=no
media_address=127.0.0.1
bind_rtp_to_media_address=yes
[trunk](media)
context=nowhere
aors=trunk
[trunk]
type=aor
contact=sip:{callee}
"""


def files(
    port: int, callee: str, rtp_ports: tuple[int, int], extensions: str, *, modules: str = "", pjsip: str = ""
) -> dict[str, str]:
    """Its files for `asterisk_process.Asterisk`: SIP on 127.0.0.1:`port`, the endpoint `trunk` at `callee`.

    `modules` and `pjsip` come on top; endpoints of `pjsip` may stand on the template `media`.
    """
    loaded = "".join(f"load={module}.so\n" for module in (_MODULES + modules).split())
    return {
        "modules.conf": f"[modules]\nautoload=no\n{loaded}",
        "logger.conf": "[general]\n[logfiles]\nmessages.log => notice,warning,error\n",
        "rtp.conf": "[general]\nrtpstart={}\nrtpend={}\nstrictrtp=no\n".format(*rtp_ports),
        "pjsip.conf": _PJSIP.format(port=port, callee=callee) + pjsip,
        "extensions.conf": extensions,
        "cdr.conf": "[general]\nenable=no\n",
    }
