"""Any PDU that can be encoded, for hypothesis."""

from __future__ import annotations

from hypothesis import strategies as st

from smpp import pdu
from smpp.pdu import Body, Pdu

octet = st.integers(0, 255)
times = st.sampled_from(["", "000001020304000R", "261231235959028+"])


def c_string(size: int) -> st.SearchStrategy[str]:
    return st.text(st.characters(min_codepoint=1, max_codepoint=127), max_size=size - 1)


tlvs = st.lists(st.tuples(st.integers(0, 0xFFFF), st.binary(max_size=40)), max_size=4).map(tuple)

_ends = {
    "source_ton": octet,
    "source_npi": octet,
    "source_addr": c_string(21),
    "dest_ton": octet,
    "dest_npi": octet,
    "destination_addr": c_string(21),
}
_message = _ends | {
    "short_message": st.binary(max_size=254),
    "esm_class": octet,
    "data_coding": octet,
    "registered_delivery": octet,
    "validity_period": times,
    "schedule_delivery_time": times,
    "service_type": c_string(6),
    "protocol_id": octet,
    "priority_flag": octet,
    "replace_if_present": octet,
    "sm_default_msg_id": octet,
    "tlvs": tlvs,
}
_bind = {
    "system_id": c_string(16),
    "password": c_string(9),
    "system_type": c_string(13),
    "interface_version": octet,
    "addr_ton": octet,
    "addr_npi": octet,
    "address_range": c_string(41),
    "tlvs": tlvs,
}
_data = {name: _ends[name] for name in ("source_ton", "source_npi", "dest_ton", "dest_npi")}

bodies: dict[type[Body], st.SearchStrategy[Body]] = {
    **{
        kind: st.builds(kind, **_bind)
        for kind in (pdu.BindReceiver, pdu.BindTransmitter, pdu.BindTransceiver)
    },
    **{
        kind: st.builds(kind, system_id=c_string(16), tlvs=tlvs)
        for kind in (pdu.BindReceiverResp, pdu.BindTransmitterResp, pdu.BindTransceiverResp)
    },
    pdu.Outbind: st.builds(pdu.Outbind, c_string(16), c_string(9)),
    **{
        kind: st.builds(kind, tlvs=tlvs)
        for kind in (
            pdu.Unbind,
            pdu.UnbindResp,
            pdu.EnquireLink,
            pdu.EnquireLinkResp,
            pdu.GenericNack,
            pdu.CancelSmResp,
        )
    },
    pdu.SubmitSm: st.builds(pdu.SubmitSm, **_message),
    pdu.DeliverSm: st.builds(pdu.DeliverSm, **_message),
    pdu.DataSm: st.builds(
        pdu.DataSm,
        source_addr=c_string(65),
        destination_addr=c_string(65),
        esm_class=octet,
        data_coding=octet,
        registered_delivery=octet,
        service_type=c_string(6),
        tlvs=tlvs,
        **_data,
    ),
    **{
        kind: st.builds(kind, message_id=c_string(65), tlvs=tlvs)
        for kind in (pdu.SubmitSmResp, pdu.DeliverSmResp, pdu.DataSmResp)
    },
    pdu.QuerySm: st.builds(
        pdu.QuerySm,
        message_id=c_string(65),
        source_ton=octet,
        source_npi=octet,
        source_addr=c_string(21),
        tlvs=tlvs,
    ),
    pdu.QuerySmResp: st.builds(
        pdu.QuerySmResp,
        message_id=c_string(65),
        final_date=times,
        message_state=octet,
        error_code=octet,
        tlvs=tlvs,
    ),
    pdu.CancelSm: st.builds(
        pdu.CancelSm, service_type=c_string(6), message_id=c_string(65), tlvs=tlvs, **_ends
    ),
    pdu.AlertNotification: st.builds(
        pdu.AlertNotification,
        source_ton=octet,
        source_npi=octet,
        source_addr=c_string(65),
        esme_ton=octet,
        esme_npi=octet,
        esme_addr=c_string(65),
        tlvs=tlvs,
    ),
}
sequences = st.integers(0, pdu.LAST_SEQUENCE)
statuses = st.integers(0, 0xFFFFFFFF)
pdus = st.builds(Pdu, sequences, statuses, st.one_of(list(bodies.values())))
