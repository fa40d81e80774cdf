import pytest
from open311_documents import DEFINITION, DISCOVERY, ERRORS, SERVICES, children, get_json, get_xml, valid
from receive_doubles import House, entered, make_city, make_row, run


def test_discovery_says_where_everything_is_in_both_formats() -> None:
    async def steps() -> None:
        async with entered(House(contact="ask@brackwater.example", test_url="https://test.example")) as client:
            found = await get_json(client, "/discovery.json")
            valid(found, DISCOVERY)
            assert found["contact"] == "ask@brackwater.example"
            assert found["key_service"] == "the city of Brackwater"
            assert [each["url"] for each in found["endpoints"]] == [
                str(client.make_url("/")).rstrip("/"),
                "https://test.example",
            ]
            root = await get_xml(client, "/discovery.xml")
            assert children(root) == ["changeset", "contact", "key_service", "endpoints"]
            assert [each.text for each in root.iterfind("endpoints/endpoint/formats/format")] == [
                "text/xml",
                "application/json",
            ] * 2

    run(steps)


def test_a_public_address_stands_in_for_the_one_that_was_asked() -> None:
    async def steps() -> None:
        async with entered(House(public_url="https://311.brackwater.example")) as client:
            found = await get_json(client, "/discovery.json")
            assert found["endpoints"][0]["url"] == "https://311.brackwater.example"

    run(steps)


def test_services_are_listed_in_both_formats() -> None:
    async def steps() -> None:
        async with entered(House()) as client:
            found = await get_json(client, "/services.json?jurisdiction_id=brackwater.example")
            valid(found, SERVICES)
            assert found[0] == {
                "service_code": "pothole",
                "service_name": "Pothole",
                "description": "A hole in a street or lane",
                "metadata": True,
                "type": "realtime",
                "keywords": "hole,street",
                "group": "Road",
            }
            root = await get_xml(client, "/services.xml")
            assert (root.tag, {each.tag for each in root}) == ("services", {"service"})
            assert root.findtext("service[2]/service_name") == "Street light & lamp"
            assert root.findtext("service[2]/description") == "A lamp <out> of order"

    run(steps)


def test_a_city_with_one_service_still_answers_with_an_array() -> None:
    async def steps() -> None:
        city = make_city()
        one = make_city(categories={"light": city.categories["light"]})
        async with entered(House(city=one)) as client:
            found = await get_json(client, "/services.json")
            assert isinstance(found, list)
            assert len(found) == 1

    run(steps)


def test_a_service_definition_lists_its_questions_in_both_formats() -> None:
    async def steps() -> None:
        async with entered(House()) as client:
            found = await get_json(client, "/services/pothole.json")
            valid(found, DEFINITION)
            assert [each["order"] for each in found["attributes"]] == [1, 2, 3, 4]
            assert found["attributes"][0]["values"] == [{"key": "BIKE", "name": "BIKE"}, {"key": "CAR", "name": "CAR"}]
            root = await get_xml(client, "/services/pothole.xml")
            assert root.tag == "service_definition"
            assert [each.text for each in root.iterfind("attributes/attribute[1]/values/value/key")] == ["BIKE", "CAR"]

    run(steps)


def test_what_is_not_found_is_named_with_404_in_the_asked_for_format() -> None:
    async def steps() -> None:
        async with entered(House()) as client:
            for path, description in {
                "/services/dragon": "service_code 'dragon' was not found: see /services",
                "/requests/dragon": "service_request_id 'dragon' was not found; a new one shows once it has a category",
                "/tokens/dragon": "/tokens/dragon.json is not here: see /discovery",
            }.items():
                found = await get_json(client, f"{path}.json", 404)
                valid(found, ERRORS)
                assert found == [{"code": 404, "description": description}]
                root = await get_xml(client, f"{path}.xml", 404)
                assert (root.tag, children(root), children(root[0])) == ("errors", ["error"], ["code", "description"])
            found = await get_json(client, "/services.json?jurisdiction_id=elsewhere.example", 404)
            assert found == [
                {
                    "code": 404,
                    "description": "jurisdiction_id 'elsewhere.example' was not found: this is 'brackwater.example'",
                }
            ]

    run(steps)


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("application/json", "application/json"),
        ("text/xml", "text/xml"),
        ("application/xml", "text/xml"),
        ("*/*", "text/xml"),
        (None, "text/xml"),
        ("text/html,application/xml;q=0.9,application/json;q=0.8", "text/xml"),
        ("application/xml;q=0.1, application/json", "application/json"),
        ("application/json;q=abc", "text/xml"),
    ],
)
def test_without_a_suffix_the_accept_header_decides(accept: str | None, kind: str) -> None:
    async def steps() -> None:
        async with entered(House(make_row("r1"))) as client:
            headers = {"Accept": accept} if accept else {}
            for path in ("/services", "/services/light", "/discovery", "/requests", "/requests/r1", "/nowhere"):
                response = await client.get(path, headers=headers, skip_auto_headers=["Accept"])
                assert response.content_type == kind, path

    run(steps)
